"""Prod's pods, all of them, on a real scheduler with real controllers: each on its documented node, and none of the nodes full."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.systems.eco2.document import NODES, SERVICES
from infra.systems.eco2.placement import TENANT
from policy.capacity import memory_mib
from rehearsal.recording import Recording
from rehearsal.whole_file import write_whole
from tests.conftest import SHOWN
from tests.mesh.manifests import Manifest, named
from tests.mesh.processes import wait_until
from tests.stacks import ROOT
from tests.trial import counted, world
from tests.trial.standing import PATIENCE, Standing, nodes, standing
from tests.trial.table import drawn, rows

pytestmark = pytest.mark.verify

OVERCOMMITTED = 1.5
"""How many times the memory of a node its pods may use at their limits: each is killed at its own before the node is full."""

UNLIMITED = {"kube-proxy", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
"""kubeadm's, which limits none of them."""


@pytest.fixture(scope="module")
def workloads(tmp_path_factory: pytest.TempPathFactory, objects: list[Manifest]) -> list[Manifest]:
    return world.workloads(tmp_path_factory.mktemp("injection"), objects)


@pytest.fixture(scope="module")
def trial(
    tmp_path_factory: pytest.TempPathFactory, objects: list[Manifest], workloads: list[Manifest]
) -> Iterator[Standing]:
    with standing(tmp_path_factory.mktemp("trial"), objects, nodes(), workloads) as running:
        running.settle()
        yield running


def where(trial: Standing) -> dict[str, set[str]]:
    """The nodes of each workload's pods."""
    found: dict[str, set[str]] = {}
    for node, pods in trial.on_nodes().items():
        for one in pods:
            found.setdefault(trial.workload_of(one), set()).add(node)
    return found


DOCUMENTED = {
    **{f"{service}/{service}-api": {f"k8s-api-{service}"} for service in SERVICES},
    "auth/ext-authz": {"k8s-api-auth"},
    "postgres/postgresql": {"k8s-postgresql"},
    "redis/redis": {"k8s-redis"},
    "prometheus/prometheus-eco2": {"k8s-master", "k8s-monitoring"},
    "prometheus/alertmanager-eco2": {"k8s-monitoring"},
    "grafana/grafana": {"k8s-monitoring"},
    "istio-system/ingress-gateway": {"k8s-ingress-gateway"},
    "istio-system/istiod": {"k8s-master"},
    "argocd/argo-cd-argocd-application-controller": {"k8s-master"},
    "external-secrets/external-secrets": {"k8s-master"},
    "external-dns/external-dns": {"k8s-master"},
    "kube-system/aws-load-balancer-controller": {"k8s-master"},
}
"""노드 배치 (EC2), and the control plane layer of the document's picture."""


def test_every_pod_has_a_node_and_the_table_says_what_each_holds(
    trial: Standing, record_property: Callable[[str, object], None]
) -> None:
    assert trial.why_pending() == []
    table = drawn(rows(nodes(), trial.on_nodes()))
    record_property(SHOWN, table)
    folder = ROOT / ".rehearsal"
    folder.mkdir(exist_ok=True)
    write_whole(folder / "placement.txt", table)


def test_each_documented_workload_is_on_its_documented_node(trial: Standing) -> None:
    found = where(trial)
    assert {name: found.get(name) for name in DOCUMENTED} == DOCUMENTED


def test_tenants_are_on_their_own_workers_and_nothing_of_theirs_is_elsewhere(trial: Standing) -> None:
    tenants = ("gateway", "immersiverse", "gateway-lab")
    documented = {one.name for one in NODES}
    mine = {name: on for name, on in where(trial).items() if name.partition("/")[0] in tenants}
    assert len(mine) > 15
    assert {name: on & documented for name, on in mine.items() if on & documented} == {}


def test_make_up_reckons_with_the_pods_that_run(trial: Standing, prod: Recording) -> None:
    """As many of each workload, as great, and on the same documented nodes."""
    assert counted.summed(counted.running(trial)) == counted.summed(counted.reckoned(prod))


def test_no_node_could_be_asked_for_much_more_than_it_has(trial: Standing) -> None:
    over = {one.node: one.ratio for one in rows(nodes(), trial.on_nodes()) if one.ratio > OVERCOMMITTED}
    assert over == {}


def test_what_has_no_limit_is_the_control_planes_own(trial: Standing) -> None:
    endless = {pod for one in rows(nodes(), trial.on_nodes()) for pod in one.endless}
    assert {pod for pod in endless if not any(pod.startswith(f"{one}-") for one in UNLIMITED)} == set()


def pending_of(folder: Path, objects: list[Manifest], workloads: list[Manifest], spoiled: list[Manifest]) -> list[str]:
    """What waits for ever on the node of auth-api alone, changed or not."""
    mine = [one for one in workloads if one["kind"] == "DaemonSet" or one["metadata"]["namespace"] == "auth"]
    with standing(folder, objects, spoiled, mine) as running:
        wait_until(running.is_decided, "the scheduler to decide on every pod", patience=PATIENCE)
        return running.why_pending()


def test_the_documented_nodes_need_no_others(
    tmp_path: Path, objects: list[Manifest], workloads: list[Manifest]
) -> None:
    """eco2 alone, without a tenants' worker: the network's own pods too are on the fourteen."""
    own = [one for one in workloads if not _is_for_tenants(one)]
    with standing(tmp_path, objects, [world.node(one) for one in NODES], own) as running:
        running.settle()
        assert running.why_pending() == []


def _is_for_tenants(workload: Manifest) -> bool:
    """Whether its pods ask for a tenants' worker."""
    spec = workload["spec"]
    pod = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]["spec"]
    required = pod.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = [each for term in required.get("nodeSelectorTerms", ()) for each in term.get("matchExpressions", ())]
    return TENANT in pod.get("nodeSelector", {}).values() or any(one.get("values") == [TENANT] for one in terms)


AUTH = next(one for one in NODES if one.name == "k8s-api-auth")


def test_the_auth_node_alone_has_room_for_what_is_its_own(
    tmp_path: Path, objects: list[Manifest], workloads: list[Manifest]
) -> None:
    assert pending_of(tmp_path, objects, workloads, [world.node(AUTH)]) == []


def test_three_hundred_mib_less_are_too_little(
    tmp_path: Path, objects: list[Manifest], workloads: list[Manifest]
) -> None:
    """Of a machine of this type, as if AWS' had them not; with one pod more, as while auth-api is updated."""
    smaller = world.node(AUTH)
    there = smaller["status"]["allocatable"]
    there["memory"] = f"{memory_mib(there['memory']) - 300}Mi"
    updating = copy.deepcopy(workloads)
    named(updating, "Deployment", "auth-api")["spec"]["replicas"] = 2
    said = pending_of(tmp_path, objects, updating, [smaller])
    assert said
    assert all("Insufficient memory" in one for one in said)


def test_without_its_toleration_a_pod_waits(tmp_path: Path, objects: list[Manifest], workloads: list[Manifest]) -> None:
    spoiled = copy.deepcopy(workloads)
    named(spoiled, "Deployment", "auth-api")["spec"]["template"]["spec"]["tolerations"] = []
    (said,) = pending_of(tmp_path, objects, spoiled, [world.node(AUTH)])
    assert said.startswith("auth/auth-api")
    assert "untolerated taint" in said
