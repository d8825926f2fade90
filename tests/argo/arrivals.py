"""A delivery's time line in short: when each Application was there, and from when on it was in step and healthy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import dropwhile

WELL = "Synced Healthy"


def arrivals(timeline: Iterable[str], waves: Mapping[str, int]) -> str:
    """A row for each Application, in the order in which they got well; seconds, `-` for one that did not."""
    seen: dict[str, list[tuple[float, str]]] = {}
    for line in timeline:
        seconds, _, name, said = line.split(maxsplit=3)
        seen.setdefault(name, []).append((float(seconds), said))
    rows = [(_well_from(looks), looks[0][0], name) for name, looks in seen.items()]
    rows.sort(key=lambda row: (row[0] is None, row[0] or row[1]))
    lines = [
        f"{name:32} {waves.get(name, ''):>5} {there:>9.1f} {'-' if well is None else f'{well:.1f}':>9}"
        for well, there, name in rows
    ]
    return "\n".join([f"{'application':32} {'wave':>5} {'there, s':>9} {'well, s':>9}", *lines]) + "\n"


def _well_from(looks: list[tuple[float, str]]) -> float | None:
    """Since when it has been well at every look."""
    backwards = list(reversed(looks))
    ill = list(dropwhile(lambda look: look[1].startswith(WELL), backwards))
    well = backwards[: len(backwards) - len(ill)]
    return well[-1][0] if well else None
