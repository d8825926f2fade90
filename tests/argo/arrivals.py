"""A delivery's time line: line by line, and in short when each Application was there and from when on it was well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Look:
    """What an Application said of itself, seconds after the start; `well` is in step and healthy."""

    seconds: float
    name: str
    said: str
    well: bool

    def __str__(self) -> str:
        return f"{self.seconds:7.1f} s  {self.name:32} {self.said}"


def arrivals(timeline: Iterable[Look], waves: Mapping[str, int]) -> str:
    """A row for each Application, in the order in which they got well; seconds, `-` for one that did not stay so."""
    there: dict[str, float] = {}
    well: dict[str, float] = {}
    for look in timeline:
        there.setdefault(look.name, look.seconds)
        if look.well:
            well.setdefault(look.name, look.seconds)
        else:
            well.pop(look.name, None)
    lines = [
        f"{name:32} {waves.get(name, ''):>5} {there[name]:>9.1f} {f'{well[name]:.1f}' if name in well else '-':>9}"
        for name in sorted(there, key=lambda name: (name not in well, well.get(name, there[name])))
    ]
    return "\n".join([f"{'application':32} {'wave':>5} {'there, s':>9} {'well, s':>9}", *lines]) + "\n"
