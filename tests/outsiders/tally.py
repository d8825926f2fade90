"""What outsiders said, as a table of docs/verify.md: `python -m tests.outsiders.tally` writes it from what their tests left.

Each test of a judge leaves its counts in `.rehearsal/outsiders/`, once it has passed; `make judges` writes the table then.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ConfigDict

from tests.judges import PAGE, git
from tests.outsiders.listed import Judge, Listed, listed
from tests.outsiders.run import Judged
from tests.stacks import ROOT

FOLDER = ROOT / ".rehearsal" / "outsiders"
JUDGES: tuple[str, ...] = get_args(Judge)
_TABLE = re.compile(r"(?<=<!-- what outsiders said -->\n).*?(?=<!-- end -->)", re.DOTALL)


class Count(BaseModel):
    """Of one judge: how much it looked at, how many checks it made, and what it found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    looked_at: int
    checks: int
    findings: int


def leave(judge: str, judged: Judged) -> None:
    """What the judge said, for the table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    count = Count(looked_at=judged.looked_at, checks=judged.checks, findings=len(judged.found))
    draft = FOLDER / f"{judge}.part"
    draft.write_text(count.model_dump_json())
    draft.replace(FOLDER / f"{judge}.json")


def left() -> dict[str, Count]:
    """What they left, by judge; LookupError names those that left nothing."""
    if missing := [one for one in JUDGES if not (FOLDER / f"{one}.json").exists()]:
        raise LookupError(f"{', '.join(missing)} said nothing yet: pytest -m judges tests/outsiders")
    return {one: Count.model_validate_json((FOLDER / f"{one}.json").read_text()) for one in JUDGES}


def table(counts: Mapping[str, Count], entries: list[Listed], commit: str, day: str) -> str:
    """The rows, and of which commit they are; every finding is mended or listed, or the tests would not have passed."""
    rows = [
        f"| {judge} | {one.looked_at} | {one.checks} | {one.findings} "
        f"| {sum(entry.judge == judge for entry in entries)} | 0 |"
        for judge, one in counts.items()
    ]
    return "\n".join(
        [
            f"Both stacks at `{commit}` on {day}:",
            "",
            "| judge | resources, objects or policies | checks | findings that stay | listed, with a reason, as | unexplained |",
            "|---|--:|--:|--:|--:|--:|",
            *rows,
            "",
        ]
    )


def with_table(page: str, made: str) -> str:
    return _TABLE.sub(lambda _: made, page)


def main() -> int:
    commit = git("describe", "--always", "--dirty=, changed").strip()
    made = table(left(), listed(), commit, f"{datetime.now(UTC):%Y-%m-%d}")
    draft = Path(f"{PAGE}.part")
    draft.write_text(with_table(PAGE.read_text(), made))
    draft.replace(PAGE)
    print(json.dumps({judge: one.model_dump() for judge, one in left().items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
