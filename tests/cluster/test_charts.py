"""The platform's charts, rendered by Helm with the values that eco2 gives them, and judged by a real API server in their order.

What each chart is taken from is in tools/chart_sources.py; those that no module has are held to tests/inventory/charts.yaml
(tests/systems/test_eco2_charts.py).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator

import pytest

from infra.components.cluster.network_policy import Pods
from infra.systems.eco2 import needs, network_policies, platform
from infra.systems.eco2.namespaces import build_namespaces
from infra.systems.eco2.versions import ISTIO_IMAGE_NAMES
from tests.cluster.api_server import ApiServer, Verdict, api_server, wait_for_kind
from tests.cluster.charts import TENANTS, parts, pod_templates, rendered, template, unread
from tests.mesh.manifests import Manifest, pod_of
from tests.systems.eco2_objects import context, manifests
from tests.systems.needy import NEEDY
from tests.systems.test_eco2_platform import ROLES
from tests.unit.test_charts import OPEN
from tools.chart_sources import SOURCES
from tools.modules import download

pytestmark = pytest.mark.verify

IN_ORDER = [release for release in parts() if release in SOURCES]

NOT_YET = {"calico": {"goldmane.enabled", "installation.kubeletVolumePluginPath", "whisker.enabled"}}
"""Values that a newer version of the chart than can be had reads: the inventory has them."""

WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
"""Nobody answers for them here: kept, they would refuse what comes after, which on a cluster waits for their pods."""


@pytest.mark.parametrize("release", IN_ORDER)
def test_every_value_that_is_set_is_read_by_a_template(release: str) -> None:
    assert set(unread(release)) == NOT_YET.get(release, set())


@pytest.mark.parametrize("release", ["kyverno", "chaos-mesh"])
def test_a_chart_is_the_same_at_every_rendering(release: str) -> None:
    """A certificate of its own would not be, and Argo CD would put another one in place each time."""
    values = parts()[release].values
    assert template(release, values) == template(release, values)


def test_istios_own_source_has_its_charts_where_the_list_of_places_does() -> None:
    """That the list is Istio's: of the address that is used, no package knows (tests/unit/test_charts.py)."""
    source = (download("istio", "istio.io/istio") / "operator/cmd/mesh/manifest-translate.go").read_text()
    assert {*re.findall(r"oci://[\w./-]+charts", source)} == {place for place in OPEN if place.startswith("oci:")}


def test_a_value_that_no_template_reads_is_found() -> None:
    assert unread("external-dns", more={"provider": {"nmae": "aws"}}) == ["provider.nmae"]


def test_the_accounts_with_a_role_are_those_that_the_roles_trust() -> None:
    found = {
        (one["metadata"]["namespace"], one["metadata"]["name"], annotations["eks.amazonaws.com/role-arn"])
        for release in IN_ORDER
        for one in rendered(release)
        if one["kind"] == "ServiceAccount"
        and "eks.amazonaws.com/role-arn" in (annotations := one["metadata"].get("annotations") or {})
    }
    made = context(NEEDY, **TENANTS)
    trusted = {(namespace, account, made.role_arn(label)) for label, account, namespace in ROLES.values()}
    trusted |= {
        (one.namespace, one.service_account, made.role_arn(one.label))
        for answer in needs.answers(made)
        for one in answer.controllers
    }
    assert len(found) == 4
    assert found <= trusted


def test_each_account_with_a_role_has_a_pod() -> None:
    for release in IN_ORDER:
        used = {template["spec"].get("serviceAccountName") for _, template in pod_templates(rendered(release))}
        for one in rendered(release):
            if one["kind"] == "ServiceAccount" and "role-arn" in str(one["metadata"].get("annotations")):
                assert one["metadata"]["name"] in used


PEERS = {
    name: peer
    for name, peer in network_policies.peers(context(NEEDY)).items()
    if isinstance(peer, Pods) and peer.namespace in {parts()[release].chart.namespace for release in IN_ORDER}
}


EDGES = (*network_policies.edges(), *network_policies.needed_edges(context(NEEDY)))


def test_a_policys_labels_are_those_of_a_chart_s_pods_and_its_ports_are_open_there() -> None:
    """Each peer whose namespace is a rendered chart's; who is asked must listen there."""
    pods = [
        (one["metadata"]["namespace"], template)
        for release in IN_ORDER
        for one, template in pod_templates(rendered(release))
    ]
    seen = 0
    for name, peer in PEERS.items():
        mine = [
            template
            for namespace, template in pods
            if namespace == peer.namespace and peer.labels.items() <= (template["metadata"].get("labels") or {}).items()
        ]
        if not mine and name in UNRENDERED:
            continue
        assert mine, f"{name}: no pod of a chart has the labels {dict(peer.labels)} in {peer.namespace}"
        seen += 1
        asked = {port for edge in EDGES if edge.target == name for port in edge.ports}
        listening = {
            port["containerPort"]
            for template in mine
            for container in template["spec"]["containers"]
            for port in container.get("ports") or ()
        }
        assert asked <= listening | UNSAID.get(name, set()), name
    assert seen >= 9


UNSAID = {"ingress-gateway": {8080, 15020, 15021}}
"""Ports that a pod listens on without saying so in its chart: the gateway's are Envoy's, by Gateway objects and istio-agent."""

UNRENDERED = frozenset({"dns", "log-shipper"})
"""kubeadm's, and a chart's that no module has, in the same namespace."""


def test_the_gateways_service_is_the_one_that_the_load_balancer_is_pointed_at() -> None:
    (service,) = [one for one in rendered("ingress-gateway") if one["kind"] == "Service"]
    assert {one["targetPort"]: one["nodePort"] for one in service["spec"]["ports"]} == {8080: 30080, 15021: 30021}
    ((_, template),) = [
        found for found in pod_templates(rendered("ingress-gateway")) if found[0]["kind"] == "Deployment"
    ]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()


def test_no_chart_limits_cpu() -> None:
    limited = [
        f"{one['kind']} {one['metadata']['name']}: {container['name']}"
        for release in IN_ORDER
        for one, template in pod_templates(rendered(release))
        for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"])
        if "cpu" in (container.get("resources") or {}).get("limits", {})
    ]
    assert limited == ["Deployment kyverno-admission-controller: kyverno-pre"], (
        "the chart's own, raised above the node's"
    )


def test_the_only_hook_at_a_charts_end_is_calicos() -> None:
    ends = {
        release
        for release in IN_ORDER
        for one in rendered(release)
        if {"pre-delete", "post-delete"}
        & set((one["metadata"].get("annotations") or {}).get("helm.sh/hook", "").split(","))
    }
    assert ends == {"calico"}
    assert parts()["calico"].kept


def test_calicos_encryption_is_a_field_that_its_kind_knows() -> None:
    (felix,) = [one for one in rendered("calico") if one["kind"] == "FelixConfiguration"]
    (kind,) = [
        one
        for one in rendered("calico")
        if one["metadata"]["name"] == "felixconfigurations.crd.projectcalico.org"
        and one["kind"] == "CustomResourceDefinition"
    ]
    (version,) = kind["spec"]["versions"]
    known = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert felix["metadata"]["name"] == "default"
    assert felix["spec"] == {"wireguardEnabled": True}
    assert known["wireguardEnabled"]["type"] == "boolean"


def test_the_load_balancer_controller_stands_before_no_service() -> None:
    hooks = [one for one in rendered("aws-load-balancer-controller") if one["kind"] == "MutatingWebhookConfiguration"]
    resources = {
        name for one in hooks for hook in one["webhooks"] for rule in hook["rules"] for name in rule["resources"]
    }
    assert "services" not in resources


def test_istios_images_come_from_where_they_are() -> None:
    images = [
        container["image"]
        for release in ("istiod", "istio-cni")
        for _, template in pod_templates(rendered(release))
        for container in template["spec"]["containers"]
    ]
    assert len(images) == 2
    assert {one.rpartition(":")[0] for one in images} < {
        f"{context().mesh_images}/{name}" for name in ISTIO_IMAGE_NAMES
    }


def test_a_sidecar_without_annotations_would_be_throttled_and_one_with_them_is_not() -> None:
    """Why the policy `mesh-sidecar-bounded` wants them of every pod: the chart merges its own limit into our values."""
    (injector,) = (
        one for one in rendered("istiod") if one["metadata"]["name"] == "istio-sidecar-injector" and "data" in one
    )
    assert json.loads(injector["data"]["values"])["global"]["proxy"]["resources"]["limits"]["cpu"] == "2000m"
    annotated, _, otherwise = injector["data"]["config"].partition('define "resources"')[2].partition("{{- else }}")
    assert re.findall(r"cpu: (\S+.*?) }}", annotated) == [
        "{{ index .ObjectMeta.Annotations `sidecar.istio.io/proxyCPU` | quote",
        "{{ index .ObjectMeta.Annotations `sidecar.istio.io/proxyCPULimit` | quote",
    ]
    assert ".Values.global.proxy.resources" in otherwise


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server that knows nothing but Kubernetes' own kinds."""
    with api_server(tmp_path_factory.mktemp("api-server"), []) as running:
        yield running


def told(one: Manifest, verdict: Verdict) -> str:
    return f"{one['kind']} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}: {verdict.status} {verdict.message}"


NEWER_FIELDS = ("assignmentMode", "disableNewAllocations")
"""Of Calico's IP pools, as 3.32.1's definition has them (looked up on 2026-11-28); the module's, which is older, has not."""


def bring(server: ApiServer, one: Manifest) -> str | None:
    """What the server has against an object; its kind must be there already."""
    if one["kind"] == "Installation":
        one = copy.deepcopy(one)
        for pool in one["spec"]["calicoNetwork"]["ipPools"]:
            for field in NEWER_FIELDS:
                del pool[field]
    verdict = server.create(one, dry_run=one["kind"] in WEBHOOKS)
    if verdict.status not in (201, 409):
        return told(one, verdict)
    if one["kind"] == "CustomResourceDefinition":
        wait_for_kind(server, one["metadata"]["name"])
    return None


def is_test(one: Manifest) -> bool:
    """Helm's, which Argo CD leaves out."""
    return (one["metadata"].get("annotations") or {}).get("helm.sh/hook") == "test"


def test_an_empty_cluster_takes_every_chart_in_the_order_of_the_waves(empty: ApiServer) -> None:
    """And each pod of theirs in its namespace's Pod Security Standard: warned of nowhere, refused nowhere."""
    namespaces = [
        one
        for room in (build_namespaces, platform.build_platform)
        for one in manifests(room, context(NEEDY, **TENANTS))
        if one["kind"] == "Namespace"
    ]
    refused = [said for one in namespaces if (said := bring(empty, one))]
    for release in sorted(IN_ORDER, key=lambda name: parts()[name].wave):
        objects = [one for one in rendered(release) if not is_test(one)]
        refused += [f"{release}: {said}" for one in objects if (said := bring(empty, one))]
        pods = [pod for one in objects if (pod := pod_of(one))]
        verdicts = [(pod, empty.create(pod, dry_run=True)) for pod in pods]
        refused += [f"{release}: pod {told(pod, verdict)}" for pod, verdict in verdicts if verdict.status != 201]
    assert refused == []


def test_an_object_before_its_kind_is_refused(empty: ApiServer) -> None:
    unknown = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "x"}, "spec": {}}
    assert "no kind PodMonitor" in str(bring(empty, unknown))
