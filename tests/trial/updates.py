"""New versions of workloads, as a commit brings them, and what may be away meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from policy.capacity import cpu_milli, memory_mib
from policy.cluster_pods import asked
from tests.mesh.manifests import Manifest
from tests.trial import world
from tests.trial.standing import Standing, eventually, reference

PLURALS = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    world.ROLLOUT: "rollouts",
}
"""The kinds whose pods stay, and are replaced by those of a new version."""

ASKED_AGAIN: Mapping[str, Manifest] = {
    **{kind: {"revisionHistoryLimit": 3} for kind in PLURALS},
    # Of a Rollout the limit is part of what is tried (docs/adr/0037).
    world.ROLLOUT: {"minReadySeconds": 0},
}
"""What changes nothing of a workload's pods, and has its controller look again."""

UNREADY = "trial/unready"
"""The label of a pod that runs, and never says that it is ready."""


def path_of(one: Manifest) -> str:
    about = one["metadata"]
    return f"/apis/{one['apiVersion']}/namespaces/{about['namespace']}/{PLURALS[one['kind']]}/{about['name']}"


def path_of_pod(pod: Manifest) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def lasting(trial: Standing) -> list[Manifest]:
    """Every workload that has pods now, as the server has it."""
    found = [trial.get(path_of(one)) for one in trial.workloads if one["kind"] in PLURALS]
    return [one for one in found if wanted(one)]


def wanted(one: Manifest) -> int:
    """How many pods its owner wants."""
    if one["kind"] == "DaemonSet":
        return int(one.get("status", {}).get("desiredNumberScheduled", 0))
    return int(one["spec"].get("replicas", 1))


def is_seen(one: Manifest) -> bool:
    """Whether its controller has looked at it as it is."""
    # Argo Rollouts keeps the number as a text.
    return str(one.get("status", {}).get("observedGeneration")) == str(one["metadata"]["generation"])


def change(trial: Standing, one: Manifest, *, metadata: Manifest) -> None:
    """A new version: the same pods with other metadata. None takes a key away."""
    template = {"spec": {"template": {"metadata": metadata}}}
    trial.patch(path_of(one), template)


def may_be_away(one: Manifest) -> int:
    """How many of its pods an update takes before new ones are ready, by its own strategy and the kinds' defaults."""
    spec, number = one["spec"], wanted(one)
    match one["kind"]:
        case "StatefulSet":
            return 1
        case "DaemonSet":
            rolling = spec.get("updateStrategy", {}).get("rollingUpdate", {})
            return _share(rolling.get("maxUnavailable", 1), number, up=True)
        case world.ROLLOUT:
            return _share(spec["strategy"]["canary"]["maxUnavailable"], number, up=False)
        case _:
            if spec["strategy"]["type"] == "Recreate":
                return number
            return _share(spec["strategy"]["rollingUpdate"]["maxUnavailable"], number, up=False)


def _share(value: Any, number: int, *, up: bool) -> int:
    if isinstance(value, int):
        return min(value, number)
    percent = int(str(value).removesuffix("%")) * number
    return -(-percent // 100) if up else percent // 100


def rounds(trial: Standing, workloads: Iterable[Manifest]) -> list[list[Manifest]]:
    """Each of the workloads in one of these, so that no two of a round have pods on the same node."""
    nodes: dict[str, set[str]] = {}
    for node, pods in trial.on_nodes().items():
        for pod in pods:
            nodes.setdefault(trial.workload_of(pod), set()).add(node)
    found: list[tuple[set[str], list[Manifest]]] = []
    for one in workloads:
        mine = nodes[reference(one)]
        place = next((each for each in found if not each[0] & mine), None)
        if place is None:
            found.append((set(mine), [one]))
        else:
            place[0].update(mine)
            place[1].append(one)
    return [each for _, each in found]


@contextmanager
def filled(trial: Standing, nodes: Sequence[str], room: Mapping[str, int] | None = None) -> Iterator[None]:
    """Until the end of the block each of the nodes has this room left (`asked`), or that for the greatest of its own pods."""
    made = [trial.server.create(one) for one in _fillers(trial, nodes, room)]
    assert [one.message for one in made if one.status != 201] == []
    try:
        yield
    finally:
        uids = {one.body["metadata"]["uid"] for one in made}
        for one in made:
            trial.delete(path_of_pod(one.body))
        eventually(lambda: not uids & trial.where().keys(), "the fillers to be gone")


def _fillers(trial: Standing, nodes: Iterable[str], room: Mapping[str, int] | None) -> Iterator[Manifest]:
    pods = trial.on_nodes()
    there = {one["metadata"]["name"]: one["status"]["allocatable"] for one in trial.listed("/api/v1/nodes")}
    for node in nodes:
        mine = [asked(pod["spec"]) for pod in pods[node]]
        cpu, memory = (
            sum(one[key] for one in mine) + (room[key] if room else max(one[key] for one in mine))
            for key in ("cpu", "memory")
        )
        left = {
            "cpu": f"{max(cpu_milli(there[node]['cpu']) - cpu, 0)}m",
            "memory": f"{max(memory_mib(there[node]['memory']) - memory, 0)}Mi",
        }
        yield _filler(node, left)


def _filler(node: str, requests: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"filler-{node}-", "namespace": "kube-system"},
        "spec": {
            "nodeName": node,
            # Nobody's pod may take its place.
            "priorityClassName": "system-node-critical",
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "filler", "image": "filler", "resources": {"requests": requests}}],
        },
    }
