"""Places the boxes of a graph in layers from left to right, and routes its arrows (fast-sugiyama: Sugiyama's method)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import fast_sugiyama

from rehearsal.html.model import Edge, Graph, Node

HEIGHT, ROW, GAP = 38.0, 50.0, 60.0
"""Of a box, from a box to the one below, and between two layers beside what arrows are labelled with, in pixels."""
SMALL = 5.5
"""A letter of a label's width."""
_LETTER, _PADDING, _LEAST = 7.2, 24.0, 90.0

Point = tuple[float, float]
Spot = tuple[int, float]
"""A layer, counted from the left, and the upper edge in it."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A box's upper left corner and size."""

    node: Node
    x: float
    y: float
    width: float
    height: float = HEIGHT


@dataclass(frozen=True, kw_only=True)
class Routed:
    """An arrow, by the points that it goes through."""

    edge: Edge
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The whole picture, in pixels; its arrows are those that lead from one box to another."""

    boxes: Mapping[str, Placed]
    arrows: tuple[Routed, ...]
    width: float
    height: float


def place(graph: Graph) -> Layout:
    """The same graph is always placed alike; boxes without arrows stand below the others."""
    nodes = {node.id: node for node in graph.nodes}
    edges = _merged(
        edge for edge in graph.edges if edge.source != edge.target and {edge.source, edge.target} <= nodes.keys()
    )
    ids = [*nodes]
    number = {id_: place for place, id_ in enumerate(ids)}
    spots, routes = _laid_out(len(ids), sorted({(number[edge.source], number[edge.target]) for edge in edges}))
    gap = GAP + SMALL * max((len(edge.label) for edge in edges), default=0)
    lefts, widths = _columns({n: nodes[id_] for n, id_ in enumerate(ids)}, spots, gap)
    boxes = {
        id_: Placed(node=nodes[id_], x=lefts[spots[n][0]], y=spots[n][1], width=widths[spots[n][0]])
        for n, id_ in enumerate(ids)
    }

    def through(pair: tuple[int, int]) -> Iterator[Point]:
        source, target = boxes[ids[pair[0]]], boxes[ids[pair[1]]]
        back = source.x > target.x
        yield source.x + (0 if back else source.width), source.y + HEIGHT / 2
        for rank, y in routes.get(pair, ()):
            bend = lefts[rank], y + HEIGHT / 2
            end = lefts[rank] + widths[rank], y + HEIGHT / 2
            yield from (end, bend) if back else (bend, end)
        yield target.x + (target.width if back else 0), target.y + HEIGHT / 2

    return Layout(
        boxes=boxes,
        arrows=tuple(
            Routed(edge=edge, points=tuple(through((number[edge.source], number[edge.target])))) for edge in edges
        ),
        width=max((box.x + box.width for box in boxes.values()), default=0),
        height=max((y + HEIGHT for _, y in [*spots.values(), *(s for r in routes.values() for s in r)]), default=0),
    )


def _merged(edges: Iterable[Edge]) -> list[Edge]:
    """One arrow from a box to another, with all that is said of it."""
    labels: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        labels.setdefault((edge.source, edge.target), []).append(edge.label)
    return [
        Edge(source=source, target=target, label=", ".join(dict.fromkeys(filter(None, found))))
        for (source, target), found in labels.items()
    ]


def _laid_out(
    count: int, pairs: Sequence[tuple[int, int]]
) -> tuple[dict[int, Spot], dict[tuple[int, int], tuple[Spot, ...]]]:
    """Each box's spot, and the spots that a long arrow goes through.

    The engine is given numbers: names it takes in an order that changes from run to run. Its layers go down, the first on top.
    """
    spots: dict[int, Spot] = {}
    routes: dict[tuple[int, int], tuple[Spot, ...]] = {}
    top = 0.0
    layouts = fast_sugiyama.from_edges(pairs, vertex_spacing=ROW, dummy_vertices=True) if pairs else []
    for positions, _, _, links in sorted(layouts, key=lambda one: (-len(one[0]), min(n for n, _ in one[0]))):
        ranks = {y: rank for rank, y in enumerate(sorted({y for _, (_, y) in positions}, reverse=True))}
        least = min(x for _, (x, _) in positions)
        found = {int(n): (ranks[y], top + x - least) for n, (x, y) in positions}
        spots |= {n: spot for n, spot in found.items() if n < count}
        for source, target, between in _chains(count, links or ()):
            routes[source, target] = tuple(found[n] for n in between)
        top = max(y for _, y in found.values()) + 1.4 * ROW
    for n in range(count):
        if n not in spots:
            spots[n] = 0, top
            top += ROW
    return spots, routes


def _chains(count: int, links: Iterable[tuple[int | str, int | str]]) -> Iterator[tuple[int, int, list[int]]]:
    """Arrows of the graph from the engine's, which puts a vertex of its own into each layer that an arrow crosses."""
    following: dict[int, list[int]] = defaultdict(list)
    for source, target in links:
        following[int(source)].append(int(target))
    for source in [n for n in following if n < count]:
        for first in following[source]:
            between, place = [], first
            while place >= count:
                between.append(place)
                (place,) = following[place]
            yield source, place, between


def _columns(
    nodes: Mapping[int, Node], spots: Mapping[int, Spot], gap: float
) -> tuple[dict[int, float], dict[int, float]]:
    """Each layer's left edge and the width of its boxes."""
    widths: dict[int, float] = defaultdict(lambda: _LEAST)
    for n, (rank, _) in spots.items():
        widths[rank] = max(widths[rank], _width(nodes[n]))
    lefts: dict[int, float] = {}
    left = 0.0
    for rank in range(max(widths, default=0) + 1):
        lefts[rank] = left
        left += widths[rank] + gap
    return lefts, dict(widths)


def _width(node: Node) -> float:
    return max(_LEAST, _PADDING + _LETTER * max(len(node.label), 0.85 * len(node.below)))
