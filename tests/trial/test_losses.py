"""Machines are lost: one, some, a whole zone. What can run elsewhere does, what cannot waits, and what is kept is kept.

The controllers are the real ones, in the time that they need but for two: a pod leaves a silent node after seconds instead of
Kubernetes' five minutes, and of a zone two nodes are given up in a second instead of one in ten. A node is lost when its kubelet
says nothing any more; kwok lets go of it, and nobody ends its pods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from infra.systems.eco2.bootstrap import CONTROL_PLANE
from infra.systems.eco2.document import NODES
from tests.mesh.manifests import Manifest
from tests.trial import updates, volumes, world
from tests.trial.control_plane import LOST
from tests.trial.runbooks import LOSS, drain_of, kubectl, text_of
from tests.trial.standing import (
    TENANTS,
    Standing,
    eventually,
    is_ready,
    nodes,
    owner_of,
    reference,
    standing,
    wait_for_nodes,
)

pytestmark = pytest.mark.judges

QUICKENED = {
    "kube-apiserver": [f"--default-{state}-toleration-seconds=5" for state in ("not-ready", "unreachable")],
    "kube-controller-manager": [
        "--node-monitor-grace-period=30s",
        "--node-monitor-period=2s",
        # Not 1: at first nobody may be given up in a zone that loses half, and that limiter says of itself that it has this rate.
        "--node-eviction-rate=2",
    ],
    "kwok": ["--node-lease-duration-seconds=20"],
}
UNREACHABLE = "node.kubernetes.io/unreachable"
MASTER = next(one.name for one in NODES if one.role == CONTROL_PLANE)


def zone(name: str) -> list[str]:
    """Its machines but for the master, whose loss has a runbook of its own."""
    documented = [one.name for one in NODES if one.zone == name and one.name != MASTER]
    return [*documented, *(tenant for tenant, its in TENANTS.items() if its == name)]


WITH_MASTER = next(one.zone for one in NODES if one.name == MASTER)
BESIDE_MASTER = zone(WITH_MASTER)
HALF = len(BESIDE_MASTER) // 2
ZONES = sorted({one.zone for one in NODES})
LOSSES = {
    **{f"zone {name}": zone(name) for name in ZONES if name != WITH_MASTER},
    f"some of zone {WITH_MASTER}": BESIDE_MASTER[:HALF],
    f"the others of zone {WITH_MASTER}": BESIDE_MASTER[HALF:],
}
"""Each node of the document, and each tenants' worker, in one of these."""


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, objects: list[Manifest]) -> Iterator[Standing]:
    workloads = world.workloads(tmp_path_factory.mktemp("injection"), objects)
    everything = [*objects, *world.budgets(objects)]
    with standing(tmp_path_factory.mktemp("losses"), everything, nodes(), workloads, QUICKENED) as running:
        running.settle()
        yield running


def lose(trial: Standing, lost: Sequence[str]) -> None:
    """Until the controllers know nothing of them any more."""
    for name in lost:
        trial.patch(f"/api/v1/nodes/{name}", {"metadata": {"labels": {LOST: ""}}})

    def silent() -> bool:
        conditions = [
            each["status"]
            for one in trial.listed("/api/v1/nodes")
            if one["metadata"]["name"] in lost
            for each in one["status"]["conditions"]
            if each["type"] == "Ready"
        ]
        return conditions == ["Unknown"] * len(lost)

    eventually(silent, f"{', '.join(lost)} to be unknown")
    eventually(lambda: not any(map(is_ready, trial.pods_on(*lost))), "nothing to be sent there")


def given_up(trial: Standing) -> set[str]:
    """The nodes whose pods have to leave."""
    return {
        one["metadata"]["name"]
        for one in trial.listed("/api/v1/nodes")
        if any(each["key"] == UNREACHABLE and each["effect"] == "NoExecute" for each in one["spec"].get("taints", ()))
    }


def are_leaving(trial: Standing, lost: Sequence[str]) -> bool:
    return all("deletionTimestamp" in one["metadata"] for one in trial.pods_on(*lost))


def is_decided(trial: Standing) -> bool:
    """Whether every Deployment has its pods again, and the scheduler has said where each goes, or why it cannot."""
    there = [one for one in trial.pods() if "deletionTimestamp" not in one["metadata"]]
    made = Counter(map(trial.workload_of, there))
    deployments = [one for one in updates.lasting(trial) if one["kind"] == "Deployment"]
    if any(made[reference(one)] < updates.wanted(one) for one in deployments):
        return False
    waiting = [one for one in there if not is_ready(one) and one["spec"].get("nodeName") not in given_up(trial)]
    return all(
        each["status"] == "False"
        for one in waiting
        for each in one["status"].get("conditions", ({"type": "PodScheduled", "status": "Unknown"},))
        if each["type"] == "PodScheduled"
    )


def astray(trial: Standing) -> list[str]:
    """Pods on a node of another zone than a volume of theirs."""
    zones = {one["metadata"]["name"]: one["metadata"]["labels"][volumes.ZONE] for one in trial.listed("/api/v1/nodes")}
    of_volume = {
        one["metadata"]["name"]: term["values"][0]
        for one in trial.listed("/api/v1/persistentvolumes")
        for each in one["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        for term in each["matchExpressions"]
    }
    of_claim = {claim: of_volume[volume] for claim, (_, volume) in trial.claims().items()}
    return [
        reference(one)
        for one in trial.pods()
        for volume in one["spec"].get("volumes", ())
        if "persistentVolumeClaim" in volume and (node := one["spec"].get("nodeName"))
        if zones[node] != of_claim[f"{one['metadata']['namespace']}/{volume['persistentVolumeClaim']['claimName']}"]
    ]


def forget(trial: Standing, lost: Sequence[str]) -> None:
    """The cloud controller's part when the machines are gone: their Node objects go too, and with those what was on them."""
    for name in lost:
        trial.delete(f"/api/v1/nodes/{name}")
    gone = {*lost}
    eventually(lambda: not gone & {*trial.on_nodes()}, "their pods to be gone")


def replace(trial: Standing, lost: Sequence[str]) -> None:
    """New machines under the old names."""
    for one in nodes():
        if one["metadata"]["name"] in lost:
            assert trial.server.create(one).status == 201
    wait_for_nodes(trial.server, len(nodes()))
    trial.settle()


@pytest.mark.parametrize("name", LOSSES)
def test_what_can_run_elsewhere_does_and_the_rest_waits_for_a_new_machine(trial: Standing, name: str) -> None:
    lost = LOSSES[name]
    before, kept, serving = trial.where(), trial.claims(), trial.serving()
    stateful = {one["metadata"]["uid"] for one in trial.pods_on(*lost) if owner_of(one) == "StatefulSet"}
    lose(trial, lost)
    eventually(lambda: given_up(trial) == {*lost}, "the nodes to be given up")
    eventually(lambda: are_leaving(trial, lost), "their pods to leave")
    eventually(lambda: is_decided(trial), "the others to be made anew")

    now = {one["metadata"]["uid"]: one for one in trial.pods()}
    assert {uid for uid, on in before.items() if on not in lost} <= {uid for uid, one in now.items() if is_ready(one)}
    assert stateful <= now.keys(), "nobody may write on a volume beside one who may still do"
    # What is silent has its one place on a lost node, or its one pod a volume there; nobody lacks room.
    assert [one for one in trial.why_pending() if "Insufficient" in one] == []
    waiting = {trial.workload_of(one) for one in now.values() if not one["spec"].get("nodeName")}
    alone = {
        reference(one) for one in updates.lasting(trial) if one["kind"] == "StatefulSet" and updates.wanted(one) == 1
    }
    there = trial.serving()
    assert {one for one in serving if not there[one]} - alone == waiting

    forget(trial, lost)
    assert trial.claims() == kept
    assert astray(trial) == []
    replace(trial, lost)
    assert trial.claims() == kept
    assert astray(trial) == []
    assert trial.serving().keys() == serving.keys()


def test_a_silent_node_is_not_drained(trial: Standing) -> None:
    """Nobody there ends a pod: it would wait for ever, and the runbook says so."""
    assert "One that is `NotReady` is not drained" in text_of(LOSS)
    (lost, *_) = LOSSES[f"some of zone {WITH_MASTER}"]
    lose(trial, [lost])
    done = kubectl(trial, "drain", lost, *drain_of(LOSS), "--disable-eviction", "--timeout=10s")
    assert done.returncode != 0
    assert {"deletionTimestamp" in one["metadata"] for one in trial.pods_on(lost)} == {True}
    forget(trial, [lost])
    replace(trial, [lost])
