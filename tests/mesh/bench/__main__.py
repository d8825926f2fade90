"""`make bench-mesh`: requests per second and latency of an edge with one protection more each, and what a change costs.

All of it in one run, on one machine: the ratios are what to look at. The requests come over plain HTTP, as from the load balancer;
mutual TLS is on behind the gateway, for the services as for ext-authz and the rate-limit service.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from rehearsal.whole_file import write_whole
from tests.mesh import eco2
from tests.mesh.bench import growth, measure
from tests.mesh.bench.behind import fast
from tests.mesh.bench.load import Load, NotServed
from tests.mesh.bench.variants import LIMIT, PARTS, variants
from tests.mesh.limits import limits
from tests.mesh.manifests import Manifest, read
from tests.stacks import ROOT, stack_up
from tools.envoy import REQUIREMENTS
from tools.go_tools import FORTIO, MESH, RATE_LIMIT

RESULTS = ROOT / ".rehearsal/bench-mesh.json"
WHAT = ("load", "growth")


@dataclass(frozen=True, kw_only=True)
class Results:
    """What one run gave."""

    served: Sequence[measure.Served]
    grown: Sequence[growth.Grown]


def main(arguments: Sequence[str] | None = None, rendered: Sequence[Manifest] | None = None) -> int:
    """Measure what is asked for, on eco2 as `rendered`; without it, it is rendered first."""
    asked = _parser().parse_args(arguments)
    console = Console(stderr=asked.json)
    loads = os.getloadavg()[0]
    try:
        results = run(asked, rendered, console)
    except (NotServed, RuntimeError, TimeoutError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except (pytest.skip.Exception, pytest.fail.Exception) as absent:
        console.print(f"{absent}; `make tools` brings all of them", style="red", markup=False)
        return 1
    written = as_data(results, asked, loads)
    write(asked.out, written)
    if asked.json:
        print(json.dumps(written, indent=2))
    else:
        _show(console, results, asked)
    return 0


def run(asked: argparse.Namespace, rendered: Sequence[Manifest] | None, console: Console) -> Results:
    """Start what is behind the edge, and measure what was asked for."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress, tempfile.TemporaryDirectory() as made:
        folder, task = Path(made), progress.add_task("rendering eco2", total=_steps(asked))

        def tell(what: str) -> None:
            progress.update(task, advance=1, description=what)

        objects = _render(folder / "manifests") if rendered is None else rendered
        (folder / "behind").mkdir()
        served, grown = [], []
        with fast(folder / "behind", eco2.WORKLOADS, eco2.AUTHORIZER, limits(LIMIT)) as behind:
            if "load" in asked.only:
                full = Load(seconds=asked.seconds, connections=asked.connections)
                steady = Load(seconds=asked.seconds, connections=asked.connections, rate=asked.rate)
                served = measure.measure(
                    behind, variants(objects), folder, rounds=asked.rounds, full=full, steady=steady, tell=tell
                )
            if "growth" in asked.only:
                grown = [
                    growth.measure(behind, objects, size, folder / f"size-{size}", changes=asked.changes, tell=tell)
                    for size in asked.sizes
                ]
        return Results(served=served, grown=grown)


def _render(folder: Path) -> list[Manifest]:
    with stack_up("prod", folder):
        return read(folder / "eco2")


def _steps(asked: argparse.Namespace) -> int:
    """How often a run tells what it does."""
    edges = len(PARTS) + 3
    load = edges * (1 + asked.rounds) if "load" in asked.only else 0
    return load + (len(asked.sizes) * (1 + asked.changes) if "growth" in asked.only else 0)


def as_data(results: Results, asked: argparse.Namespace, load_average: float) -> dict[str, Any]:
    """The run as JSON: every round, so that another may judge."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"processors": os.cpu_count(), "load_average": [load_average, os.getloadavg()[0]]},
        "versions": {
            "istio": MESH.version,
            "envoy": REQUIREMENTS.read_text().split("==")[1].split()[0],
            "ratelimit": RATE_LIMIT.version,
            "fortio": FORTIO.version,
        },
        "asked": {name: value for name, value in vars(asked).items() if name not in ("out", "json")},
        "load": [
            {"variant": one.variant, "ratios": one.ratios(), "rounds": [asdict(each) for each in one.rounds]}
            for one in results.served
        ],
        "growth": [asdict(one) for one in results.grown],
    }


def write(path: Path, data: dict[str, Any]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(data, indent=2) + "\n")


def _show(console: Console, results: Results, asked: argparse.Namespace) -> None:
    if results.served:
        console.print(served_table(results.served))
        console.print(
            f"Medians of {asked.rounds} rounds. Requests per second over {asked.connections} connections as fast as they go,"
            " as a part of the bare route's in the same round, and the gateway's processor time for each."
            f" Latency in ms at {asked.rate:.0f} requests per second; most: the worst round's p99.\n",
            highlight=False,
        )
    if results.grown:
        console.print(grown_table(results.grown))
        console.print(
            "A change of one route, from the control plane's getting it to the gateway's serving it: the median, and the most."
            " In it are 10 ms in which the control plane waits for further changes; on a cluster it waits 100.",
            highlight=False,
        )
    console.print(f"written to {asked.out}", highlight=False, markup=False)


def served_table(results: Sequence[measure.Served]) -> Table:
    """One line per variant."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("edge", no_wrap=True)
    for column in ("req/s", "of bare", "spread", "CPU µs", "p50", "p99", "most"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in results:
        ratios = one.ratios()
        table.add_row(
            one.variant,
            f"{one.median('per_second'):.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f}–{max(ratios):.2f}",
            f"{one.median('cpu_us'):.0f}",
            f"{one.median('p50'):.2f}",
            f"{one.median('p99'):.2f}",
            f"{max(each.p99 for each in one.rounds):.1f}",
        )
    return table


def grown_table(results: Sequence[growth.Grown]) -> Table:
    """One line per size."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("size", "services", "first s", "first KB", "gateway MB", "change ms", "most ms", "change KB"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in results:
        table.add_row(
            f"{one.size} ×",
            f"{one.services}",
            f"{one.configured_seconds:.1f}",
            f"{one.configuration_bytes / 1024:.0f}",
            f"{one.allocated_bytes / 1024**2:.1f}",
            f"{one.median_change_ms:.0f}",
            f"{max(one.change_ms):.0f}",
            f"{sum(one.change_bytes) / len(one.change_bytes) / 1024:.0f}",
        )
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mesh.bench", description="What an edge's protections cost.")
    parser.add_argument("--only", choices=WHAT, nargs="+", default=list(WHAT), help="what to measure")
    parser.add_argument("--rounds", type=int, default=5, help="how often each variant is loaded")
    parser.add_argument("--seconds", type=float, default=2, help="how long each time")
    parser.add_argument("--connections", type=int, default=8, help="kept connections")
    parser.add_argument("--rate", type=float, default=300, help="requests per second at which latency is measured")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1, 10, 100], metavar="N", help="times as many services"
    )
    parser.add_argument("--changes", type=int, default=5, help="changes of a route at each size")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE", help="where the figures go, as JSON")
    parser.add_argument("--json", action="store_true", help="print them as JSON too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
