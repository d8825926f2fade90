"""The exchange's policies at a real API server's door: their CEL, as ValidatingAdmissionPolicies, refuses what is spoiled.

Kyverno's controller wants a cluster around it. Here the API server that would ask it evaluates the same expressions, on objects
with the defaults that it fills in itself.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from infra.components.cluster.admission_policy import API
from rehearsal.recording import Recording
from tests.cluster.api_server import ApiServer, Verdict, api_server
from tests.mesh.manifests import Manifest, pod_of
from tests.policy.as_code import (
    DIGEST,
    KYVERNO,
    NAMESPACE,
    ROWS,
    Row,
    identity,
    origin,
    rendered,
    spoiled,
    unspoiled,
)

pytestmark = pytest.mark.verify

CONSTRAINTS = ("failurePolicy", "matchConditions", "matchConstraints", "validations", "variables")

ALSO = {"workload/svc-wallet: the host's network": "kubernetes-no-host-port"}
"""A rule more that finds it here: a pod in the host's network gets its ports as the host's from the server."""

ACCOUNT = "290008131187.dkr.ecr.ap-northeast-2.amazonaws.com"
HARD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsGroup": 1337,
    "runAsNonRoot": True,
    "runAsUser": 1337,
}
PROXY = {
    "image": f"{ACCOUNT}/eco2-prod-istio/proxyv2:1.31.0",
    "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
    "securityContext": HARD,
}
MARKS = {
    "sidecar.istio.io/interceptionMode": "REDIRECT",
    "traffic.sidecar.istio.io/includeOutboundIPRanges": "*",
    "traffic.sidecar.istio.io/includeInboundPorts": "*",
    "traffic.sidecar.istio.io/excludeInboundPorts": "15020",
}
"""What the injector adds, with the CNI and native sidecars: istiod's chart, files/injection-template.yaml (read on 2026-11-29)."""


def as_the_servers_own(policy: Manifest) -> list[Manifest]:
    """The policy and its binding, as Kyverno itself would write them for one of the whole cluster."""
    about = {"name": policy["metadata"]["name"]}
    spec = copy.deepcopy({key: policy["spec"][key] for key in CONSTRAINTS if key in policy["spec"]})
    spec["matchConstraints"]["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
    bound = {"policyName": about["name"], "validationActions": policy["spec"]["validationActions"]}
    return [
        {"apiVersion": API, "kind": "ValidatingAdmissionPolicy", "metadata": about, "spec": spec},
        {"apiVersion": API, "kind": "ValidatingAdmissionPolicyBinding", "metadata": about, "spec": bound},
    ]


@pytest.fixture(scope="module")
def objects(prod: Recording) -> list[Manifest]:
    return rendered(prod)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, objects: list[Manifest]) -> Iterator[ApiServer]:
    """With the policies that prod renders, and no Pod Security Standard that would refuse in their place."""
    with api_server(tmp_path_factory.mktemp("api-server"), objects) as running:
        for namespace in (NAMESPACE, "elsewhere"):
            running.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        policies = [one for one in objects if one["kind"] == "NamespacedValidatingPolicy"]
        assert len(policies) == len(list(KYVERNO.glob("*.yaml")))
        for one in policies:
            for made in as_the_servers_own(one):
                verdict = running.create(made)
                assert verdict.status == 201, verdict.message
        for row in ROWS:
            _wait_until_refused(running, spoiled(row, objects))
        yield running


def _wait_until_refused(server: ApiServer, bad: Manifest) -> None:
    deadline = time.monotonic() + 60
    while server.create(named_anew(bad), dry_run=True).status == 201:
        assert time.monotonic() < deadline, f"no policy ever refused {bad['kind']} {bad['metadata']['name']}"
        time.sleep(0.1)


def named_anew(one: Manifest) -> Manifest:
    made = copy.deepcopy(one)
    made["metadata"]["name"] = "tried"
    return made


def refused_by(verdict: Verdict, row: Row) -> bool:
    rules = row.rules | {ALSO.get(identity(row), "")} - {""}
    return verdict.status == 422 and any(f"ValidatingAdmissionPolicy '{rule}'" in verdict.message for rule in rules)


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_a_spoiled_object_is_refused_by_the_policy_of_its_rule(
    server: ApiServer, objects: list[Manifest], row: Row
) -> None:
    verdict = server.create(named_anew(spoiled(row, objects)), dry_run=True)
    assert refused_by(verdict, row), f"{verdict.status} {verdict.message}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.object.startswith("workload/")], ids=identity)
def test_a_spoiled_pod_without_an_owner_is_refused_too(server: ApiServer, objects: list[Manifest], row: Row) -> None:
    verdict = server.create(named_anew(pod_of(spoiled(row, objects)) or {}), dry_run=True)
    assert refused_by(verdict, row), f"{verdict.status} {verdict.message}"


def test_all_that_prod_renders_for_the_namespace_is_taken(server: ApiServer, objects: list[Manifest]) -> None:
    ours = [one for one in objects if one["metadata"].get("namespace") == NAMESPACE]
    pods = [pod for one in ours if (pod := pod_of(one))]
    moved = [unspoiled(row, objects) for row in ROWS if row.elsewhere]
    assert len(ours) > 60
    assert pods
    assert moved
    verdicts = [server.create(one, dry_run=True) for one in [*ours, *pods, *moved]]
    assert [verdict.message for verdict in verdicts if verdict.status != 201] == []


def test_what_is_spoiled_passes_elsewhere(server: ApiServer, objects: list[Manifest]) -> None:
    """So that it is the policies which refuse it, and they in one namespace."""
    for row in ROWS:
        made = named_anew(spoiled(row, objects))
        made["metadata"]["namespace"] = "elsewhere"
        verdict = server.create(made, dry_run=True)
        assert verdict.status == 201, f"{identity(row)}: {verdict.message}"


def injected(objects: list[Manifest]) -> Manifest:
    """A pod of the exchange's with what the mesh puts into it."""
    pod = pod_of(origin(next(row for row in ROWS if row.object.startswith("workload/")), objects)) or {}
    pod = named_anew(pod)
    pod["metadata"]["annotations"] |= MARKS
    pod["spec"]["initContainers"] = [
        {"name": "istio-validation", **PROXY},
        {"name": "istio-proxy", "restartPolicy": "Always", **PROXY},
    ]
    return pod


def test_a_pod_with_the_meshs_proxy_is_taken(server: ApiServer, objects: list[Manifest]) -> None:
    verdict = server.create(injected(objects), dry_run=True)
    assert verdict.status == 201, verdict.message


def _image(value: str) -> Any:
    return lambda pod: pod["spec"]["initContainers"][1].update(image=value)


EVASIONS = {
    "somebody's image, named like the proxy": (
        _image(f"docker.io/somebody/proxyv2:1.31.0{DIGEST}"), "kubernetes-image-registry"),
    "another image of the account's, named like the proxy": (
        _image(f"{ACCOUNT}/exchange-prod-svc-wallet:1.0.0"), "kubernetes-image-by-digest"),
    "a host that ends like the account's registry": (
        _image("evil.example.com/290008131187.dkr.ecr.ap-northeast-2.amazonaws.com/x-istio/proxyv2:1"),
        "kubernetes-image-"),
    "the proxy's image under another name": (
        lambda pod: pod["spec"]["initContainers"][1].update(name="mine"), "kubernetes-image-by-digest"),
    "a port that its sidecar does not see": (
        lambda pod: pod["metadata"]["annotations"].update(
            {"traffic.sidecar.istio.io/excludeInboundPorts": "15020,8080"}), "mesh-traffic-captured"),
    "addresses that its sidecar does not see": (
        lambda pod: pod["metadata"]["annotations"].update(
            {"traffic.sidecar.istio.io/includeOutboundIPRanges": "10.0.0.0/8"}), "mesh-traffic-captured"),
    "no sidecar, spelled otherwise": (
        lambda pod: pod["metadata"]["labels"].update({"sidecar.istio.io/inject": "False"}), "mesh-traffic-captured"),
}  # fmt: skip


@pytest.mark.parametrize("how", EVASIONS)
def test_the_proxys_exemption_is_nobody_elses(server: ApiServer, objects: list[Manifest], how: str) -> None:
    change, rule = EVASIONS[how]
    pod = injected(objects)
    change(pod)
    verdict = server.create(pod, dry_run=True)
    assert (verdict.status, f"ValidatingAdmissionPolicy '{rule}" in verdict.message) == (422, True), verdict.message


def test_the_controller_managers_account_may_come_again(server: ApiServer) -> None:
    """It makes `default` in every namespace, without a word on tokens; refused, the namespace would never be whole."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": NAMESPACE}}
    assert server.create(account, dry_run=True).status == 201
    assert server.create(named_anew(account), dry_run=True).status == 422


def test_the_files_are_what_is_rendered(objects: list[Manifest]) -> None:
    files = [yaml.safe_load(path.read_text()) for path in sorted(KYVERNO.glob("*.yaml"))]
    made = {one["metadata"]["name"]: one for one in objects if one["kind"] == "NamespacedValidatingPolicy"}
    assert {one["metadata"]["name"]: one["spec"] for one in files} == {name: one["spec"] for name, one in made.items()}
    assert {one["metadata"]["namespace"] for one in made.values()} == {NAMESPACE}
