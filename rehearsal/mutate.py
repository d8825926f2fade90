"""`make mutate`: spoil security-relevant properties of every stack, one by one, and see whether the policies notice."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.settings import SECRETS, Settings, SettingsError, load_settings
from policy.catalog import ALL_RULES, NAMES
from policy.exemptions import ExemptionsError, load_exemptions
from policy.mutation.catalog import MUTATIONS
from policy.mutation.floor import FILE, FloorError, drops, load_floors, percent, save_floors
from policy.mutation.score import Score, score
from policy.mutation.unnoticed import UNNOTICED
from policy.rules.model import Resource
from policy.run import RuleCrashed
from rehearsal.cloud import Cloud, open_cloud
from rehearsal.engine.program import project_program
from rehearsal.inprocess import ProgramFailed, run
from rehearsal.judging import seen_by_rules
from rehearsal.report.page import print_failure
from rehearsal.stack_file import StackFileError, load_stack_file

ROOT = Path(__file__).resolve().parents[1]
DROPPED, WRONG_SETTINGS = 1, 2
_LISTED = 40


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The exit code: 1 when the score drops, or a flip is neither noticed nor explained."""
    parser = argparse.ArgumentParser(prog="mutate", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make this score the floor")
    asked = parser.parse_args(arguments)
    console = Console(highlight=False)
    try:
        started = time.monotonic()
        stacks = [resources_of(root, stack) for stack in stacks_of(root)]
        rehearsed = time.monotonic()
        found = scored(stacks)
        _print_score(console, found, f"{rehearsed - started:.0f} + {time.monotonic() - rehearsed:.0f} s")
        if asked.write and not found.problems:
            save_floors(found)
            console.print(f"wrote {FILE.relative_to(root)}")
        return _print_problems(console, [*found.problems, *drops(found, load_floors())])
    except (StackFileError, SettingsError, ExemptionsError, FloorError) as error:
        print_failure(console, "A file needs mending", str(error))
        return WRONG_SETTINGS
    except (ProgramFailed, RuleCrashed) as error:
        print_failure(console, "There is no score", str(error))
        return DROPPED


def scored(stacks: Sequence[Sequence[Resource]]) -> Score:
    """The score of these stacks, with all rules, the whole catalogue and the project's exemptions."""
    return score(stacks, mutations=MUTATIONS, unnoticed=UNNOTICED, rules=ALL_RULES, exemptions=load_exemptions(NAMES))


def stacks_of(root: Path) -> list[str]:
    """The stacks that the project has a file for."""
    return sorted(path.name.split(".")[1] for path in root.glob("Pulumi.*.yaml"))


def resources_of(root: Path, stack: str) -> list[Resource]:
    """A rehearsed stack, as rules see it."""
    file = load_stack_file(root, stack, secrets=SECRETS)
    found: list[Settings] = []
    run(lambda: found.append(load_settings()), file, Cloud({}))
    region, account = found[0].region, found[0].platform.account
    with (
        tempfile.TemporaryDirectory(prefix="mutate-") as manifests,
        open_cloud(region=region, account=account, manifests=Path(manifests)) as cloud,
    ):
        return seen_by_rules(run(project_program(root), file, cloud))


def _print_score(console: Console, found: Score, seconds: str) -> None:
    table = Table("area", box=None, pad_edge=False, title=None)
    for heading in ("flips", "noticed", "%"):
        table.add_column(heading, justify="right")
    areas = found.by_area()
    for area, (noticed, all_) in areas.items():
        table.add_row(area, str(all_), str(noticed), f"{percent(noticed, all_):.1f}")
    noticed, all_ = (sum(one[place] for one in areas.values()) for place in (0, 1))
    table.add_section()
    table.add_row("all", str(all_), str(noticed), f"{percent(noticed, all_):.1f}")
    console.print(table)
    console.print(f"\nin {seconds} (standing the stacks up + looking); not noticed, and why:")
    reasons = Counter(one.excuse.reason for one in found.explained if one.excuse)
    for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0])):
        console.print(f"  {count:4}  {escape(reason)}", soft_wrap=True)


def _print_problems(console: Console, problems: Sequence[str]) -> int:
    if not problems:
        return 0
    shown = [f"  {escape(one)}" for one in problems[:_LISTED]]
    if len(problems) > _LISTED:
        shown.append(f"  … and {len(problems) - _LISTED} more")
    print_failure(
        console,
        "The mutation score does not hold",
        "\n".join(shown)
        + "\nA flip is noticed by a rule (policy/rules), or listed with its reason (policy/mutation/unnoticed.py).",
    )
    return DROPPED


if __name__ == "__main__":
    sys.exit(main())
