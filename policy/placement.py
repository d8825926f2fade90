"""Puts a stack's pods on its nodes, as a scheduler would that knew all of them at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policy.capacity import Room
from policy.cluster_nodes import ClusterNode, Unknown, cluster_nodes
from policy.cluster_pods import PodGroup, pod_groups
from policy.kubernetes_objects import at, selects
from policy.remembered import once_per_stack
from policy.rules.model import Stack


@dataclass
class Holding:
    """A node with the pods that it was given, and those that come and go."""

    node: ClusterNode
    pods: list[PodGroup] = field(init=False, default_factory=list)
    passing: list[PodGroup] = field(init=False, default_factory=list)
    asked: Room = field(init=False, default=Room(cpu=0, memory=0, pods=0))
    """By `pods`, together."""

    @property
    def most(self) -> Room:
        """With the greatest pod that is there for a while: a Job's, or the new one of a workload that is being updated."""
        extra = [*self.passing, *(one for one in self.pods if one.surge and not self.node.grows)]
        now = self.asked
        return Room(
            cpu=now.cpu + max((one.cpu for one in extra), default=0),
            memory=now.memory + max((one.memory for one in extra), default=0),
            pods=now.pods + bool(extra),
        )

    @property
    def at_limits(self) -> int:
        """MiB that its pods may use together."""
        return sum(one.limit for one in self.pods)

    def give(self, group: PodGroup, copies: int) -> None:
        if group.passing:
            self.passing.extend([group] * copies)
            return
        self.pods.extend([group] * copies)
        now = self.asked
        self.asked = Room(
            cpu=now.cpu + copies * group.cpu, memory=now.memory + copies * group.memory, pods=now.pods + copies
        )

    def takes(self, pod: PodGroup) -> bool:
        now, gives = self.asked, self.node.gives
        return (
            now.cpu + pod.cpu <= gives.cpu
            and now.memory + pod.memory <= gives.memory
            and now.pods < gives.pods
            and not (pod.apart and pod in self.pods)
        )


@dataclass(frozen=True)
class Placement:
    """Where all pods are; those that no node takes at all, and those for which none of their nodes has room."""

    holdings: Sequence[Holding]
    unknown: Sequence[Unknown]
    homeless: Sequence[PodGroup]
    crowded: Sequence[tuple[PodGroup, Sequence[ClusterNode]]]
    groups: Sequence[PodGroup]
    """All of them."""


@once_per_stack
def place(stack: Stack) -> Placement:
    """What has one node to go to first, and what is on each; then the rest, the greatest first, where most room is left."""
    found = cluster_nodes(stack)
    holdings = [Holding(one) for one in found if isinstance(one, ClusterNode)]
    unknown = [one for one in found if isinstance(one, Unknown)]
    homeless: list[PodGroup] = []
    crowded: list[tuple[PodGroup, Sequence[ClusterNode]]] = []
    several: list[tuple[PodGroup, list[Holding]]] = []
    if not holdings:
        return Placement([], unknown, [], [], [])
    groups = [*pod_groups(stack)]
    for group in groups:
        where = [one for one in holdings if _allowed(group, one.node)]
        if not where:
            homeless.extend([group] * bool(group.copies and not group.everywhere))
        elif group.everywhere or (len(where) == 1 and not group.apart):
            for one in where:
                one.give(group, 1 if group.everywhere else group.copies)
        else:
            several.append((group, where))
    for group, where in sorted(several, key=lambda one: (-one[0].memory, one[0].name)):
        if not _spread(group, where):
            crowded.append((group, [one.node for one in where]))
    return Placement(holdings, unknown, homeless, crowded, groups)


def _spread(group: PodGroup, where: Sequence[Holding]) -> bool:
    """Give each pod of a group to the node of those with the most room left; whether there was room for all."""
    for _ in range(group.copies):
        room = [one for one in where if one.takes(group)]
        if not room:
            return False
        max(room, key=lambda one: one.node.gives.memory - one.asked.memory).give(group, 1)
    return True


def told(pods: Sequence[PodGroup]) -> Iterator[str]:
    """The greatest of them first, each with its MiB."""
    by_name: dict[str, int] = defaultdict(int)
    for one in pods:
        by_name[one.name] += one.memory
    for name, mib in sorted(by_name.items(), key=lambda one: (-one[1], one[0])):
        yield f"{name} {mib}"


def _allowed(pods: PodGroup, node: ClusterNode) -> bool:
    return (
        pods.selector.items() <= node.labels.items()
        and (not pods.nodes or any(selects(term, node.labels) for term in pods.nodes))
        and all(tolerated(taint, pods.tolerations) for taint in node.taints)
    )


def tolerated(taint: Mapping[str, Any], tolerations: Sequence[Mapping[str, Any]]) -> bool:
    """Whether pods with these may be put on a node that has the taint."""
    return any(
        at(one, "key") in (None, "", taint["key"])
        and (at(one, "operator") == "Exists" or (at(one, "value") or "") == (at(taint, "value") or ""))
        and at(one, "effect") in (None, "", taint["effect"])
        for one in tolerations
    )
