"""What each variant serves, in rounds: every variant once per round, so that a machine's mood meets them all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.mesh import eco2
from tests.mesh.bench.behind import Fast
from tests.mesh.bench.load import Load, NotServed, Shot, shoot
from tests.mesh.bench.variants import TARGET, Variant, request_headers
from tests.mesh.eco2_cases import HOST
from tests.mesh.rig import Edge

Tell = Callable[[str], None]
ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One variant in one round: at full speed, and its latency in milliseconds at a rate that all of them bear."""

    per_second: float
    cpu_us: float
    p50: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class Served:
    """A variant's rounds; those of the variant that the others are compared with are `bare`."""

    variant: str
    rounds: Sequence[Figures] = field(repr=False)
    bare: Sequence[Figures] = field(repr=False)

    def median(self, figure: str) -> float:
        return float(statistics.median(getattr(one, figure) for one in self.rounds))

    def ratios(self) -> list[float]:
        """Requests per second as a part of the bare route's in the same round."""
        return [one.per_second / bare.per_second for one, bare in zip(self.rounds, self.bare, strict=True)]


def measure(
    behind: Fast, variants: Sequence[Variant], folder: Path, *, rounds: int, full: Load, steady: Load, tell: Tell
) -> list[Served]:
    """Load all variants, which stand side by side; the first one is what the others are compared with."""
    with ExitStack() as standing:
        edges = {}
        for index, one in enumerate(variants):
            tell(f"starting: {one.name}")
            gateway = eco2.gateway(one.objects)
            edge = standing.enter_context(Edge(behind, gateway, one.objects, one.mesh, folder / f"variant-{index}"))
            if problems := edge.problems():
                raise RuntimeError(f"{one.name}: {problems[0]}")
            edge.wait_for(TARGET, request_headers()[1:], host=HOST)
            # Connections, and whatever else the first requests pay for.
            _served(edge, Load(seconds=min(0.3, full.seconds), connections=full.connections))
            edges[one.name] = edge
        figures: dict[str, list[Figures]] = {name: [] for name in edges}
        for number in range(rounds):
            for name in _turned(list(edges), number):
                tell(f"round {number + 1} of {rounds}: {name}")
                figures[name].append(_figures(edges[name], full, steady))
    bare = figures[variants[0].name]
    return [Served(variant=name, rounds=found, bare=bare) for name, found in figures.items()]


def _turned(names: list[str], number: int) -> list[str]:
    """Another order each round: nobody always comes after the same one."""
    start = number % len(names)
    turned = names[start:] + names[:start]
    return turned[::-1] if number % 2 else turned


def _figures(edge: Edge, full: Load, steady: Load) -> Figures:
    fast, cpu = _served(edge, full)
    calm, _ = _served(edge, steady)
    return Figures(per_second=fast.per_second, cpu_us=cpu / fast.requests * 1e6, p50=calm.p50, p99=calm.p99)


def _served(edge: Edge, load: Load) -> tuple[Shot, float]:
    """A load of which every request was served, and the gateway's processor time.

    On a machine that stands still for longer than a check may take, the gateway refuses: such a load is not measured but repeated.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(NotServed):
            return _once(edge, load)
    return _once(edge, load)


def _once(edge: Edge, load: Load) -> tuple[Shot, float]:
    before = edge.envoy.cpu_seconds()
    shot = shoot(edge.listener, TARGET, request_headers(), load)
    return shot, edge.envoy.cpu_seconds() - before
