"""What keeps replicas apart does not keep them out: on three nodes, one of which takes none of them, by the real scheduler.

As the tenants' workers are when one of them is full, drained or lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import Container, Placement, Pod, Resources
from infra.components.cluster.workload import WorkloadArgs, deployment_body
from infra.systems.eco2.placement import ON_TENANTS
from tests.mesh.manifests import Manifest
from tests.mesh.processes import wait_until
from tests.trial import updates, world
from tests.trial.standing import PATIENCE, TENANTS, Standing, standing

pytestmark = pytest.mark.judges

SIZE = Resources(cpu="10m", memory="16Mi", memory_limit="32Mi")
ROOM = 8
"""Pods that each node takes."""


def deployment(replicas: int) -> Manifest:
    """As every stateless workload of the tenants is rendered."""
    identity = Identity(name="api", namespace="shop", part_of="shop")
    pod = Pod(
        containers=[Container(name="api", image="registry.example/shop/api:1.0", resources=SIZE)],
        placement=Placement(labels=ON_TENANTS["nodeSelector"]),
        user=1000,
    )
    body = deployment_body(WorkloadArgs(identity=identity, pod=pod, replicas=replicas, spread=True))
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": identity.metadata(), **body}


@contextmanager
def three(folder: Path, workload: Manifest) -> Iterator[Standing]:
    """Three workers with the workload on them, settled."""
    workers = [world.tenant_node(name, "t3.small", zone) for name, zone in TENANTS.items()]
    for one in workers:
        one["status"]["allocatable"]["pods"] = str(ROOM)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "api", "namespace": "shop"}}
    with standing(folder, [account], workers, [workload]) as running:
        running.settle()
        yield running


def where(trial: Standing) -> list[str]:
    return sorted(one["spec"].get("nodeName", "") for one in trial.pods() if "deletionTimestamp" not in one["metadata"])


def fill(trial: Standing, node: str) -> None:
    """Until there is no room for another."""
    for number in range(ROOM):
        one = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"filler-{number}", "namespace": "default"},
            "spec": {"nodeName": node, "containers": [{"name": "filler", "image": "filler"}]},
        }
        assert trial.server.create(one).status == 201


def taken_out(workload: Manifest, key: str) -> Manifest:
    """Without that of its constraint on nodes."""
    node, _ = workload["spec"]["template"]["spec"]["topologySpreadConstraints"]
    del node[key]
    return workload


def update(trial: Standing, workload: Manifest) -> None:
    """A new version, while the node that has none of its pods is full."""
    (free,) = {*TENANTS} - {*where(trial)}
    fill(trial, free)
    updates.change(trial, workload, metadata={"annotations": {"trial/version": "next"}})


def test_an_update_goes_on_beside_the_old_pods_where_no_other_node_has_room(tmp_path: Path) -> None:
    workload = deployment(2)
    with three(tmp_path, workload) as trial:
        update(trial, workload)
        trial.settle()
        mine = [one for one in trial.pods() if one["metadata"]["namespace"] == "shop"]
        assert len({one["spec"]["nodeName"] for one in mine}) == 2


def test_without_the_versions_told_apart_it_would_wait(tmp_path: Path) -> None:
    workload = taken_out(deployment(2), "matchLabelKeys")
    with three(tmp_path, workload) as trial:
        update(trial, workload)
        assert "didn't match pod topology spread constraints" in waiting(trial)


def test_a_node_that_takes_nobody_does_not_keep_a_pod_out_of_the_others(tmp_path: Path) -> None:
    workload = deployment(3)
    with three(tmp_path, workload) as trial:
        left = lose_one(trial)
        trial.settle()
        assert {*where(trial)} == left


def test_with_that_node_counted_it_would_wait(tmp_path: Path) -> None:
    workload = taken_out(deployment(3), "nodeTaintsPolicy")
    with three(tmp_path, workload) as trial:
        lose_one(trial)
        assert "didn't match pod topology spread constraints" in waiting(trial)


def lose_one(trial: Standing) -> set[str]:
    """A node is cordoned, and its pod goes; the others' names."""
    assert where(trial) == sorted(TENANTS)
    (first, *others) = TENANTS
    trial.patch(f"/api/v1/nodes/{first}", {"spec": {"unschedulable": True}})
    wait_until(lambda: bool(taints(trial, first)), "the node to be closed", patience=PATIENCE)
    for one in trial.pods_on(first):
        trial.delete(updates.path_of_pod(one))
    return {*others}


def taints(trial: Standing, node: str) -> Any:
    return trial.get(f"/api/v1/nodes/{node}")["spec"].get("taints")


def waiting(trial: Standing) -> str:
    """What the scheduler says of the pod that waits."""
    wait_until(lambda: bool(trial.why_pending()), "a pod to wait", patience=PATIENCE)
    (said,) = trial.why_pending()
    return said
