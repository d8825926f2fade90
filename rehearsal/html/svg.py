"""A laid-out graph as SVG. Whatever comes from the program is escaped; colours are the style's."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from rehearsal.html.labels import labels
from rehearsal.html.layout import Layout, Placed, Routed, place
from rehearsal.html.model import Graph

_MARGIN = 12.0


def drawn(graph: Graph) -> Markup:
    """The picture; its boxes carry their names, by which the page's search finds them."""
    layout = place(graph)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    parts = [
        Markup('<svg viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img" aria-labelledby="{2}-said">').format(
            width, height, graph.id
        ),
        Markup('<title id="{0}-said">{1}: {2} boxes, {3} arrows; the table below says the same</title>').format(
            graph.id, graph.title, len(layout.boxes), len(layout.arrows)
        ),
        Markup('<defs><marker id="{0}-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
               'orient="auto-start-reverse"><path class="head" d="M0 0 8 4 0 8z"/></marker></defs>').format(graph.id),
        *_arrows(layout, graph.id),
        *map(_box, layout.boxes.values()),
        *(
            Markup('<text class="on-arrow" x="{0:.0f}" y="{1:.0f}">{2}</text>').format(one.x + _MARGIN, one.y + _MARGIN, one.text)
            for one in labels(layout)
        ),
        Markup("</svg>"),
    ]  # fmt: skip
    return Markup("\n").join(parts)


def _arrows(layout: Layout, graph: str) -> Iterator[Markup]:
    for arrow in layout.arrows:
        yield Markup('<path class="arrow" d="{0}" marker-end="url(#{1}-head)"/>').format(_path(arrow), graph)


def _path(arrow: Routed) -> str:
    """A curve through the points, flat where it meets each."""
    (x, y), *others = [(one + _MARGIN, other + _MARGIN) for one, other in arrow.points]
    said = [f"M{x:.0f} {y:.0f}"]
    for to_x, to_y in others:
        half = (x + to_x) / 2
        said.append(f"C{half:.0f} {y:.0f} {half:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}")
        x, y = to_x, to_y
    return "".join(said)


def _box(box: Placed) -> Markup:
    x, y = box.x + _MARGIN, box.y + _MARGIN
    return Markup(
        '<g class="node {kind}" data-text="{text}"><title>{title}</title>'
        '<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5"/>'
        '<text x="{middle:.0f}" y="{first:.0f}">{label}</text>'
        '<text class="below" x="{middle:.0f}" y="{second:.0f}">{below}</text></g>'
    ).format(
        kind=box.node.kind, text=f"{box.node.label} {box.node.below}".lower(),
        title=f"{box.node.label} {box.node.below}".strip(),
        x=x, y=y, width=box.width, height=box.height, middle=x + box.width / 2,
        first=y + (16 if box.node.below else 23), second=y + 30, label=box.node.label, below=box.node.below,
    )  # fmt: skip
