"""The pods of a cluster by workload: as they run, and as `make up` reckons without one (policy/placement.py)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policy.cluster_pods import asked
from policy.placement import place
from policy.rules.model import Stack
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.trial.standing import TENANTS, Standing, owner_of


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod of a workload; `node` is empty for a tenants' worker, of which there may be more or fewer."""

    workload: str
    node: str
    cpu: int
    memory: int
    limit: int


def running(trial: Standing) -> list[Pod]:
    """Those of DaemonSets on tenants' workers are as many as there are workers."""
    return [
        Pod(workload=trial.workload_of(pod), node="" if node in TENANTS else node, **asked(pod["spec"]))
        for node, pods in trial.on_nodes().items()
        for pod in pods
        if not (node in TENANTS and owner_of(pod) == "DaemonSet")
    ]


def reckoned(recording: Recording) -> list[Pod]:
    """The same of the stack."""
    return [
        Pod(
            workload=group.name,
            node="" if holding.node.grows else holding.node.name,
            cpu=group.cpu,
            memory=group.memory,
            limit=group.limit,
        )
        for holding in place(Stack(seen_by_rules(recording))).holdings
        for group in holding.pods
        if not (holding.node.grows and group.everywhere)
    ]


def summed(pods: Sequence[Pod]) -> tuple[Counter[tuple[str, int, int, int]], dict[str, list[str]]]:
    """How many there are of each workload and size, and which workloads are on each documented node."""
    return _sizes(pods), _by_node(pods)


def _sizes(pods: Iterable[Pod]) -> Counter[tuple[str, int, int, int]]:
    return Counter((one.workload, one.cpu, one.memory, one.limit) for one in pods)


def _by_node(pods: Iterable[Pod]) -> dict[str, list[str]]:
    """But for those whose node is the scheduler's choice."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in pods:
        if one.node and one.workload not in CHOSEN:
            found[one.node].append(one.workload)
    return {node: sorted(names) for node, names in found.items()}


CHOSEN = {"kube-system/coredns", "calico-system/calico-typha"}
"""They may run on documented nodes as well as on tenants' workers."""
