"""`make bench-ratios`: what a run costs, each time against another one beside it, so that a busy machine slows both.

The runs of a ratio take turns, and the least of each counts. What is measured is processor time, children included, and the
greatest memory of one process. `--write` makes the figures those that later runs are held to.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from tests.policy.spoiled import PACK, write_analyzer
from tests.preview.test_preview import committed, four_dangers
from tests.rehearsal.test_cli import copy_project
from tests.stacks import ROOT

FILE = ROOT / "tests" / "bench" / "ratios.yaml"
TOLERANCE = 1.4
"""How many times as much as the recorded ratio is still as before. With twenty processes waiting for two cores, the first ratio was
7.5 and 8.0 within an hour."""

Run = Callable[[Path], "Spent"]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Seconds of a processor, and megabytes of the greatest process."""

    seconds: float
    megabytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A run, against another that is taken `times`; at most `aim` is wanted of it."""

    name: str
    run: Run
    against: Run
    times: int = 1
    aim: float


def spent(command: Sequence[str | Path], folder: Path, expected: int = 0, **environment: str) -> Spent:
    """Run the command to its end; `RuntimeError` with its output when it ends otherwise than expected."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, stdout=said, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expected:
            said.seek(0)
            raise RuntimeError(f"{command} ended with {process.returncode}:\n{said.read().decode()[-2000:]}")
    return Spent(seconds=used.ru_utime + used.ru_stime, megabytes=used.ru_maxrss >> 10)


def rehearsed(folder: Path) -> Spent:
    """Prod stands in process: the embedded AWS, the report and every rule."""
    project = folder / "project"
    if not project.exists():
        project.mkdir()
        copy_project(project)
    return spent(["rehearsal", "up", "--stack", "prod", "--in-process"], project, PYTHONPATH="")


def on_plain_mocks(folder: Path) -> Spent:
    return spent(["tests.bench.plain", folder / "project/.rehearsal/prod/resources.json"], ROOT)


def previewed(folder: Path) -> Spent:
    """Both sides of a change of prod, neither rehearsed before."""
    project = folder / "changed"
    if not project.exists():
        four_dangers(committed(project))
    cache = Path(tempfile.mkdtemp(dir=folder))
    command = ["rehearsal", "preview", "--base", "main", "--stack", "prod", "--fail-on-danger"]
    return spent(command, project, expected=3, XDG_CACHE_HOME=str(cache), PYTHONPATH="")


def by_engine(folder: Path) -> Spent:
    return spent(["tests.bench.engine", Path(tempfile.mkdtemp(dir=folder))], ROOT)


def by_engine_with_the_pack(folder: Path) -> Spent:
    own = Path(tempfile.mkdtemp(dir=folder))
    path = f"{write_analyzer(own / 'bin')}:{os.environ['PATH']}"
    return spent(["tests.bench.engine", own, PACK], ROOT, PATH=path)


RATIOS = (
    Ratio(name="prod in process / plain SDK mocks", run=rehearsed, against=on_plain_mocks, aim=4),
    Ratio(name="preview of a change / two rehearsals", run=previewed, against=rehearsed, times=2, aim=1.25),
    Ratio(name="engine preview with the pack / without", run=by_engine_with_the_pack, against=by_engine, aim=1.25),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The least of all rounds."""

    ratio: Ratio
    run: Spent
    against: Spent

    @property
    def value(self) -> float:
        return self.run.seconds / (self.ratio.times * self.against.seconds)


def measured(ratio: Ratio, rounds: int, folder: Path) -> Measured:
    folder.mkdir(exist_ok=True)
    tries = [(ratio.run(folder), ratio.against(folder)) for _ in range(rounds)]
    run, against = (min(column, key=lambda one: one.seconds) for column in zip(*tries, strict=True))
    return Measured(ratio=ratio, run=run, against=against)


def worse(found: Sequence[Measured], recorded: Mapping[str, float]) -> list[str]:
    """Those that are more than noise above what is recorded."""
    return [
        f"{one.ratio.name}: {one.value:.2f}, and {recorded[one.ratio.name]:.2f} is recorded"
        for one in found
        if one.value > TOLERANCE * recorded.get(one.ratio.name, float("inf"))
    ]


def table(found: Sequence[Measured], recorded: Mapping[str, float]) -> Table:
    drawn = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    drawn.add_column("ratio")
    for column in ("now", "recorded", "aim", "CPU s", "against, CPU s", "MB"):
        drawn.add_column(column, justify="right")
    for one in found:
        before = f"{recorded[one.ratio.name]:.2f}" if one.ratio.name in recorded else ""
        seconds = (f"{one.run.seconds:.1f}", f"{one.ratio.times * one.against.seconds:.1f}")
        drawn.add_row(
            one.ratio.name, f"{one.value:.2f}", before, f"{one.ratio.aim:g}", *seconds, f"{one.run.megabytes}"
        )
    return drawn


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each run is tried")
    parser.add_argument("--only", nargs="+", default=[""], help="those ratios alone whose name has one of these words")
    parser.add_argument("--write", action="store_true", help="hold later runs to these figures")
    asked = parser.parse_args(arguments)
    chosen = [ratio for ratio in RATIOS if any(word in ratio.name for word in asked.only)]
    recorded: dict[str, float] = yaml.safe_load(FILE.read_text()) if FILE.exists() else {}
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        found = [measured(ratio, asked.rounds, folder / str(number)) for number, ratio in enumerate(chosen)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    Console(highlight=False).print(table(found, recorded))
    if asked.write:
        FILE.write_text(yaml.safe_dump({**recorded, **{one.ratio.name: round(one.value, 2) for one in found}}))
        return 0
    problems = worse(found, recorded)
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
