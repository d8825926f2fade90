"""Where an arrow's label stands: on its last stretch, clear of the boxes and of the labels that stand already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rehearsal.html.layout import SMALL, Layout, Point, Routed

_TALL, _ABOVE, _BELOW = 11.0, -4.0, 12.0
_ALONG = (0.5, 0.35, 0.65, 0.2, 0.8, 0.12, 0.88)
"""How far along the stretch it is tried, in this order."""


class Label(NamedTuple):
    """A text by the middle of its base line."""

    x: float
    y: float
    text: str

    def overlaps(self, left: float, top: float, right: float, bottom: float) -> bool:
        half = SMALL * len(self.text) / 2
        return self.x - half < right and left < self.x + half and self.y - _TALL < bottom and top < self.y

    def meets(self, other: Label) -> bool:
        half = SMALL * len(other.text) / 2
        return self.overlaps(other.x - half, other.y - _TALL, other.x + half, other.y)


def labels(layout: Layout) -> list[Label]:
    """One for each arrow that says something; where there is no room, in the middle."""
    placed: list[Label] = []
    for arrow in layout.arrows:
        if arrow.edge.label:
            tried = list(_tried(arrow))
            placed.append(next((one for one in tried if _is_clear(one, layout, placed)), tried[0]))
    return placed


def _is_clear(label: Label, layout: Layout, placed: Sequence[Label]) -> bool:
    boxes = ((box.x, box.y, box.x + box.width, box.y + box.height) for box in layout.boxes.values())
    return not any(label.overlaps(*box) for box in boxes) and not any(map(label.meets, placed))


def _tried(arrow: Routed) -> Iterator[Label]:
    """Above the arrow, or below one that leads back."""
    start, end = arrow.points[-2:]
    off = _BELOW if start[0] > end[0] else _ABOVE
    for along in _ALONG:
        x, y = curve_at(start, end, along)
        yield Label(x, y + off, arrow.edge.label)


def curve_at(start: Point, end: Point, along: float) -> Point:
    """The point of the curve that is drawn between two points, flat at both."""
    half = (start[0] + end[0]) / 2
    early, late = (1 - along) ** 2 * (1 + 2 * along), along**2 * (3 - 2 * along)
    x = (1 - along) ** 3 * start[0] + 3 * (1 - along) * along * half + along**3 * end[0]
    return x, early * start[1] + late * end[1]
