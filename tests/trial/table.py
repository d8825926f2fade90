"""What each node holds: a row for each, with what its pods ask for, may use, and what there is."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from policy.capacity import cpu_milli, memory_mib
from policy.cluster_pods import asked
from tests.mesh.manifests import Manifest


@dataclass(frozen=True, kw_only=True)
class Row:
    """A node; processors in thousandths, memory in MiB. `endless` are pods of which a container has no memory limit."""

    node: str
    type: str
    pods: int
    cpu: int
    cpu_there: int
    memory: int
    memory_limit: int
    memory_there: int
    endless: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """How much of the memory could be used at once."""
        return self.memory_limit / self.memory_there


def rows(nodes: Iterable[Manifest], on_nodes: Mapping[str, Sequence[Manifest]]) -> list[Row]:
    return [_row(one, on_nodes.get(one["metadata"]["name"], ())) for one in nodes]


def _row(node: Manifest, pods: Sequence[Manifest]) -> Row:
    there = node["status"]["allocatable"]
    found = [asked(one["spec"]) for one in pods]
    return Row(
        node=node["metadata"]["name"],
        type=node["metadata"]["labels"]["node.kubernetes.io/instance-type"],
        pods=len(pods),
        cpu=sum(one["cpu"] for one in found),
        cpu_there=cpu_milli(there["cpu"]),
        memory=sum(one["memory"] for one in found),
        memory_limit=sum(one["limit"] for one in found),
        memory_there=memory_mib(there["memory"]),
        endless=tuple(sorted(one["metadata"]["name"] for one in pods if _endless(one["spec"]))),
    )


def _endless(pod: Manifest) -> bool:
    return any("memory" not in one.get("resources", {}).get("limits", {}) for one in pod["containers"])


def drawn(found: Sequence[Row]) -> str:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("node", "type", "pods", "cpu asked", "of", "MiB asked", "limits", "of", "limits / there"):
        table.add_column(heading, justify="left" if heading in ("node", "type") else "right")
    for one in found:
        numbers = [one.pods, one.cpu, one.cpu_there, one.memory, one.memory_limit, one.memory_there]
        table.add_row(one.node, one.type, *map(str, numbers), f"{one.ratio:.2f}")
    console = Console(width=120, file=io.StringIO())
    with console.capture() as text:
        console.print(table)
    return text.get()
