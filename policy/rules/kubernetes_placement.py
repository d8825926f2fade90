"""Each pod has a node that takes it, and no node is asked for more than its machine gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from policy.capacity import MACHINES
from policy.cluster_nodes import CONTROL_PLANE
from policy.placement import Holding, place, told, tolerated
from policy.rules.model import Resource, Rule, Severity, Stack, StackRule

OVERCOMMITTED = 1.5
"""How many times the memory that a node gives its pods may use at their limits: each is ended at its own first."""

CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
"""What a node that is drained has; a DaemonSet's pods alone are left on it, and the master is never drained."""

_NAMED = 6


def _does_not_fit(stack: Stack) -> Iterator[tuple[Resource, str]]:
    found = place(stack)
    for machine in {one.resource.urn: one for one in found.unknown}.values():
        yield machine.resource, f"{machine.name}: how much a {machine.instance_type} holds is not in {MACHINES.name}"
    for pods in found.homeless:
        if pods.by:
            wanted = " and ".join(f"{key}={value}" for key, value in pods.selector.items()) or "its affinity"
            yield (
                pods.by,
                f"{pods.name}: no node that has {wanted} lets it in: it tolerates none of their taints, or there is none",
            )
    for pods, nodes in found.crowded:
        if pods.by:
            names = ", ".join(sorted({f"{one.name} ({one.instance_type})" for one in nodes}))
            yield pods.by, f"{pods.name}: {pods.copies} pods of {pods.memory} MiB and {pods.cpu}m do not fit on {names}"
    for one in _one_of_each(found.holdings):
        for lacks in _lacks(one):
            yield one.node.resource, lacks


def _one_of_each(holdings: Sequence[Holding]) -> Iterable[Holding]:
    """Of the nodes that one machine's resource makes, the one that is asked for the most memory."""
    fullest: dict[str, Holding] = {}
    for one in sorted(holdings, key=lambda one: (-one.most.memory, -one.at_limits)):
        fullest.setdefault(one.node.resource.urn, one)
    return fullest.values()


def _lacks(holding: Holding) -> Iterator[str]:
    """What a node's pods ask for beyond what there is, one more of them counted while it is updated."""
    node, most = holding.node, holding.most
    for what, unit, asks, gives in (
        ("memory", " MiB", most.memory, node.gives.memory),
        ("processors", "m", most.cpu, node.gives.cpu),
        ("pods", "", most.pods, node.gives.pods),
    ):
        if asks > gives:
            now = f"{what} of {asks}{unit} is asked for, {gives}{unit} there is"
            greatest = ", ".join(islice(told(holding.pods), _NAMED))
            more = ", with one pod more while it is updated" if most != holding.asked else ""
            yield f"{node.name} ({node.instance_type}): {now}{more}; in MiB: {greatest}"


def _may_be_used_up(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for one in _one_of_each(place(stack).holdings):
        node, ratio = one.node, one.at_limits / one.node.gives.memory
        if ratio > OVERCOMMITTED:
            may = f"at their limits its pods use {one.at_limits} MiB, {ratio:.2f} times the {node.gives.memory} MiB that it gives"
            yield node.resource, f"{node.name} ({node.instance_type}): {may}; allowed: {OVERCOMMITTED}"


def _comes_back(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for pods in place(stack).groups:
        elsewhere = not pods.everywhere and CONTROL_PLANE not in pods.selector
        if pods.by and elsewhere and tolerated(CORDONED, pods.tolerations):
            yield pods.by, f"{pods.name}: tolerates {CORDONED['key']}, so that it comes back to a node that is drained"


_DOCUMENTED = "infra/systems/eco2/document.py (a tenants' worker: `eco2.tenant_workers.instance_type`)"

RULES: tuple[Rule, ...] = (
    StackRule(
        name="cluster-pods-fit",
        title="Each pod has a node that takes it, with room for it and for one pod more while it is updated",
        controls=(
            "Kubernetes: Resource Management for Pods and Containers",
            "Kubernetes: Reserve Compute Resources for System Daemons",
        ),
        severity=Severity.HIGH,
        remedy=f"a greater instance type in {_DOCUMENTED}, smaller requests, or another node in the workload's placement",
        check=_does_not_fit,
    ),
    StackRule(
        name="cluster-memory-limits",
        title="A node's pods use at most one and a half times its memory at their limits",
        controls=("Kubernetes: Node-pressure Eviction",),
        severity=Severity.MEDIUM,
        remedy=f"lower limits, or a greater instance type in {_DOCUMENTED}",
        check=_may_be_used_up,
    ),
    StackRule(
        name="cluster-drains",
        title="Nothing but a DaemonSet's pods comes back to a node while it is drained",
        controls=("Kubernetes: Safely Drain a Node",),
        severity=Severity.MEDIUM,
        remedy="name the taints that it has to tolerate, in place of `operator: Exists` without a key",
        check=_comes_back,
    ),
)
