"""Every judge is in the table of docs/verify.md, in the tier that its tests are marked for."""

from __future__ import annotations

import pytest

from tests.costs import STARTING
from tests.judges import PAGE, TIERS, Row, rows, tiers_of, with_costs, with_result
from tests.stacks import ROOT

TABLE = rows(PAGE.read_text())
MARKED = {str(path.relative_to(ROOT)): tiers_of(path) for path in sorted((ROOT / "tests").rglob("test_*.py"))}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.tests[0])
def test_a_row_names_files_of_its_tiers(row: Row) -> None:
    assert row.files()
    for file in row.files():
        assert MARKED[file] & {*row.tiers}, file
    assert {*row.tiers} <= {*TIERS}


def test_no_judge_is_missing() -> None:
    told: dict[str, set[str]] = {}
    for row in TABLE:
        for file in row.files():
            told.setdefault(file, set()).update(row.tiers)
    assert {file: tiers for file, tiers in MARKED.items() if tiers} == told


PAGE_OF_TWO = """
| judge | what it judges | tests | tier | seconds |
|---|---|---|---|---|
| Envoy | cases | `tests/mesh/test_eco2_edge.py` | verify | 1 |
| the same | a sweep | `tests/mesh/test_eco2_edge.py`, `tests/mesh/test_eco2_check.py` | verify | |
| the same | another | `tests/mesh/test_eco2_edge.py` | verify | |

The last whole `make judges`: none so far.
"""


def test_a_run_is_recorded_with_what_each_judge_cost_commit_and_day() -> None:
    costs = {"tests/mesh/test_eco2_edge.py": 61.2, "tests/mesh/test_eco2_check.py": 20.1, STARTING: 41.0}
    page = with_result(with_costs(PAGE_OF_TWO, costs), costs, "abc1234", "2026-11-28")
    assert "| Envoy | cases | `tests/mesh/test_eco2_edge.py` | verify | 61 |" in page
    assert "`tests/mesh/test_eco2_check.py` | verify | 20 |" in page
    assert "| another | `tests/mesh/test_eco2_edge.py` | verify | with the above |" in page
    assert page.endswith(
        "\nThe last whole `make judges`: all passed at `abc1234` on 2026-11-28, in 2 minutes of a processor.\n"
    )


def test_the_page_has_the_line_that_a_run_replaces() -> None:
    page = PAGE.read_text()
    assert with_result(page, {}, "abc1234", "2026-11-28") != page
