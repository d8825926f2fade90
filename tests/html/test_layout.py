"""The pictures: boxes apart from each other, arrows from box to box and around the others."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from rehearsal.html.labels import curve_at, labels
from rehearsal.html.layout import HEIGHT, Layout, place
from rehearsal.html.model import Edge, Graph, Node


def graph(*pairs: str, alone: str = "", prefix: str = "") -> Graph:
    names = sorted({name for pair in pairs for name in pair} | {*alone})
    return Graph(
        id="g", title="g",
        nodes=tuple(Node(id=prefix + name, label=name) for name in names),
        edges=tuple(Edge(source=prefix + pair[0], target=prefix + pair[1], label="1") for pair in pairs),
    )  # fmt: skip


def crossed(layout: Layout) -> list[str]:
    """The boxes that an arrow goes through on its way."""
    return [
        id_
        for arrow in layout.arrows
        for x, y in arrow.points[1:-1]
        for id_, box in layout.boxes.items()
        if box.x < x < box.x + box.width and box.y < y < box.y + box.height
    ]


def random_graph(seed: int) -> Graph:
    chance = random.Random(seed)  # noqa: S311 - a picture
    names = "abcdefghijklmnopqrstuvwxyz"
    return graph(*(chance.choice(names) + chance.choice(names) for _ in range(40)), alone="äöü")


@pytest.mark.parametrize("seed", range(20))
def test_boxes_do_not_overlap_and_arrows_go_around_them(seed: int) -> None:
    layout = place(random_graph(seed))
    for one, other in combinations(layout.boxes.values(), 2):
        apart = one.x + one.width < other.x or other.x + other.width < one.x
        assert apart or abs(one.y - other.y) >= HEIGHT, (one.node.id, other.node.id)
    assert crossed(layout) == []
    for box in layout.boxes.values():
        assert 0 <= box.x <= box.x + box.width <= layout.width
        assert 0 <= box.y <= box.y + box.height <= layout.height


@pytest.mark.parametrize("seed", range(5))
def test_an_arrow_begins_and_ends_at_its_boxes(seed: int) -> None:
    layout = place(random_graph(seed))
    for arrow in layout.arrows:
        for name, (x, y) in ((arrow.edge.source, arrow.points[0]), (arrow.edge.target, arrow.points[-1])):
            box = layout.boxes[name]
            assert x in (box.x, box.x + box.width)
            assert y == box.y + HEIGHT / 2


def test_what_leads_on_stands_to_the_right() -> None:
    layout = place(graph("ab", "bc", "ac", "cd"))
    assert [layout.boxes[name].x for name in "abcd"] == sorted({layout.boxes[name].x for name in "abcd"})


def test_names_do_not_change_the_picture() -> None:
    one, other = place(graph("ab", "bc", "ca", "cd", "ef")), place(graph("ab", "bc", "ca", "cd", "ef", prefix="x"))
    assert [(box.x, box.y) for box in one.boxes.values()] == [(box.x, box.y) for box in other.boxes.values()]


def test_several_arrows_between_two_boxes_are_one_and_those_to_nowhere_none() -> None:
    layout = place(graph("ab", "ab", "aa"))
    assert [(arrow.edge.source, arrow.edge.target, arrow.edge.label) for arrow in layout.arrows] == [("a", "b", "1")]


def test_labels_of_arrows_that_cross_stand_apart() -> None:
    both = place(labelled(("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")))
    placed = labels(both)
    assert len(placed) == 4
    assert [pair for pair in combinations(placed, 2) if pair[0].meets(pair[1])] == []
    for box in both.boxes.values():
        assert not any(one.overlaps(box.x, box.y, box.x + box.width, box.y + box.height) for one in placed)


@pytest.mark.parametrize("along", [0.0, 0.3, 0.5, 1.0])
def test_a_label_is_on_the_curve_that_is_drawn(along: float) -> None:
    """By de Casteljau's construction, from the four points that SVG's path names."""
    start, end = (10.0, 20.0), (110.0, 80.0)
    half = (start[0] + end[0]) / 2
    points = [start, (half, start[1]), (half, end[1]), end]
    while len(points) > 1:
        points = [(x + (to_x - x) * along, y + (to_y - y) * along) for (x, y), (to_x, to_y) in pairwise(points)]
    assert curve_at(start, end, along) == pytest.approx(points[0])


def labelled(*pairs: tuple[str, str]) -> Graph:
    names = sorted({name for pair in pairs for name in pair})
    return Graph(
        id="g", title="g", nodes=tuple(Node(id=name, label=name) for name in names),
        edges=tuple(Edge(source=one, target=other, label="100 %") for one, other in pairs),
    )  # fmt: skip


def test_nothing_is_an_empty_picture() -> None:
    assert place(Graph(id="g", title="g", nodes=(), edges=())).boxes == {}
