"""What the page is made of, apart from how it looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from policy.rules.model import Resource, Stack
from rehearsal.judging import seen_as
from rehearsal.recording import Recording
from rehearsal.report.saved import Masker


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of texts below columns; `about` says in a sentence how to read it."""

    id: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A box: what it is called, a line below, and a `kind` that the style has a colour for."""

    id: str
    label: str
    below: str = ""
    kind: str = "plain"


@dataclass(frozen=True, kw_only=True)
class Edge:
    """An arrow between two boxes, by their ids."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Boxes and arrows that a layout engine places."""

    id: str
    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Box:
    """One thing in a subnet, and what runs on it."""

    name: str
    what: str
    runs: str = ""


@dataclass(frozen=True, kw_only=True)
class Subnet:
    name: str
    cidr: str
    public: bool
    boxes: tuple[Box, ...]


@dataclass(frozen=True, kw_only=True)
class Zone:
    name: str
    subnets: tuple[Subnet, ...]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VPC as it stands in its zones, and what stands before it."""

    name: str
    cidr: str
    zones: tuple[Zone, ...]
    outside: tuple[Box, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A system: its networks, graphs and tables; what is empty is left out."""

    name: str
    networks: tuple[Network, ...] = ()
    graphs: tuple[Graph, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one system registered, masked; `runs` says what runs on a machine, by the machine's name."""

    system: str
    stack: Stack
    everything: Stack
    nodes: tuple[dict[str, str], ...] = field(default=())

    def of(self, *types: str) -> list[Resource]:
        return self.stack.of(*types)


def masked(recording: Recording, mask: Masker) -> list[Resource]:
    """The custom resources as rules see them, but with every secret masked."""
    return [seen_as(one, mask(one.inputs), mask.outputs(one), mask(one.id)) for one in recording if one.custom]


def part_of(system: str, resources: Iterable[Resource], outputs: object) -> Part:
    """The part of a system, by the rule that its resources' names begin with its own."""
    every = list(resources)
    nodes = outputs.get("nodes", ()) if isinstance(outputs, dict) else ()
    return Part(
        system=system,
        stack=Stack([one for one in every if one.name.startswith(f"{system}-")]),
        everything=Stack(every),
        nodes=tuple({str(key): str(value) for key, value in node.items()} for node in nodes if isinstance(node, dict)),
    )
