"""The table of what outsiders said is of all judges, and of the list as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.judges import PAGE
from tests.outsiders import tally
from tests.outsiders.listed import Listed, listed
from tests.outsiders.run import Judged


def rows() -> dict[str, list[int]]:
    """The page's numbers, by judge."""
    (found,) = re.findall(r"<!-- what outsiders said -->\n(.*?)<!-- end -->", PAGE.read_text(), re.DOTALL)
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines() if line.startswith("| ")
    ]
    return {judge: [int(number) for number in numbers] for judge, *numbers in cells[1:]}


def test_every_judge_is_in_the_page_with_as_many_reasons_as_are_listed() -> None:
    """After a change of the list: `pytest -m judges tests/outsiders`, then `python -m tests.outsiders.tally`."""
    reasons = {judge: sum(one.judge == judge for one in listed()) for judge in tally.JUDGES}
    assert {judge: numbers[3] for judge, numbers in rows().items()} == reasons


def test_nothing_is_unexplained_and_who_found_something_looked_at_something() -> None:
    for judge, (looked_at, checks, findings, _, unexplained) in rows().items():
        assert 0 < looked_at <= checks, judge
        assert findings <= checks
        assert unexplained == 0


def test_what_a_judge_left_is_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "FOLDER", tmp_path)
    with pytest.raises(LookupError, match="checkov, kube-score, kubeconform, parliament, trivy said nothing yet"):
        tally.left()
    for judge in tally.JUDGES:
        tally.leave(judge, Judged(3, 7, {("A", "one")}))
    entry = Listed(judge="checkov", check="A", resources=("one",), reason="as it is made up for this one test")
    made = tally.table(tally.left(), [entry], "abc1234", "2026-11-30")
    assert made.startswith("Both stacks at `abc1234` on 2026-11-30:\n")
    assert "| checkov | 3 | 7 | 1 | 1 | 0 |\n" in made
    assert "| kubeconform | 3 | 7 | 1 | 0 | 0 |\n" in made
    page = "a\n<!-- what outsiders said -->\nold\n<!-- end -->\nb"
    assert tally.with_table(page, made) == f"a\n<!-- what outsiders said -->\n{made}<!-- end -->\nb"
