"""The table of docs/verify.md: which judge is in which tier, and what each costs.

`python -m tests.judges record COSTS` writes what `--costs COSTS` measured into it, with the commit and the day.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.costs import STARTING
from tests.stacks import ROOT

PAGE = ROOT / "docs" / "verify.md"
TIERS = ("verify", "judges")
_COLUMNS = 5
_LAST = re.compile(r"^The last whole `make judges`: .*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One judge: its tests, and the tiers that the table gives it."""

    line: str
    tests: tuple[str, ...]
    tiers: tuple[str, ...]

    def files(self) -> list[str]:
        """Whose tests they are, from the project's root; what a pattern fits may also be a quick test."""
        found = (path for pattern in self.tests for path in ROOT.glob(pattern))
        return sorted({str(path.relative_to(ROOT)) for path in found if tiers_of(path)})


def rows(page: str) -> list[Row]:
    """The rows of the tables that have a column for the tier."""
    found = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == _COLUMNS and "`tests/" in cells[2]:
            tests = re.findall(r"`(tests/[^`]+)`", cells[2])
            found.append(Row(line=line, tests=tuple(tests), tiers=tuple(cells[3].split(", "))))
    return found


def tiers_of(path: Path) -> set[str]:
    """The tiers whose tests a file has, by its marks."""
    return {tier for tier in TIERS if f"mark.{tier}" in path.read_text()}


def with_costs(page: str, costs: Mapping[str, float]) -> str:
    """The page with each row's seconds; a file's are written on the first row that names it."""
    told: set[str] = set()
    for row in rows(page):
        new = [file for file in row.files() if file not in told]
        told |= {*new}
        page = page.replace(row.line, f"{row.line.rsplit('|', 2)[0]}| {_seconds(new, costs)} |", 1)
    return page


def _seconds(files: Iterable[str], costs: Mapping[str, float]) -> str:
    known = [costs[file] for file in files if file in costs]
    return f"{sum(known):.0f}" if known else "with the above"


def with_result(page: str, costs: Mapping[str, float], commit: str, day: str) -> str:
    """The page with the line about the last whole run."""
    minutes = sum(costs.values()) / 60
    line = f"The last whole `make judges`: all passed at `{commit}` on {day}, in {minutes:.0f} minutes of a processor."
    return _LAST.sub(line, page)


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["record", file]:
            costs = json.loads(Path(file).read_text())
            commit = git("describe", "--always", "--dirty=, changed").strip()
            page = with_costs(PAGE.read_text(), {name: spent for name, spent in costs.items() if name != STARTING})
            PAGE.write_text(with_result(page, costs, commit, f"{datetime.now(UTC):%Y-%m-%d}"))
            return 0
    print(__doc__, file=sys.stderr)
    return 2


def git(*command: str) -> str:
    return subprocess.run(["git", *command], cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
