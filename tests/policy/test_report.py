"""What `make up` prints of the policies."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

from rich.console import Console

from policy.exemptions import Exemption
from rehearsal.recording import Recording
from rehearsal.report.policies import PoliciesBroken, policies_chapter
from rehearsal.report.saved import Masker
from tests.policy.test_run import BEFRIENDED, CLOSED, TODAY, box, exemption, run

MASK = Masker(Recording(), ["hunter2hunter2"])


def shown(judgement: Any) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(policies_chapter(judgement, MASK, 2))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_finding_is_shown_with_severity_rule_resource_and_remedy() -> None:
    text = shown(run([box("a", open=True, lid="on")], rules=(CLOSED, BEFRIENDED)))
    assert text.startswith("2 rules: 1 finding stops, 1 advises, 0 are exempted\n")
    first, remedy = text.splitlines()[2:4]
    assert first.split() == ["high", "closed", "prod/a", "it", "is", "open"]
    assert remedy.strip() == "close it"
    assert "befriended (advice)" in text


def test_exempted_findings_are_counted_with_their_reason_and_end() -> None:
    boxes = [box(name, open=True, lid="on") for name in ("shop-a", "shop-b")]
    text = shown(run(boxes, exemption("prod/shop-*")))
    assert "0 findings stop, 0 advise, 2 are exempted" in text
    assert text.splitlines()[2].split() == ["2", "×", "closed", "2026-11-21", "because", "of", "a", "test"]


def test_what_cannot_be_said_and_what_to_tidy_up_is_told() -> None:
    over = Exemption(rule="closed", resource="prod/a", reason="because of a test", expires=date(2026, 1, 1))
    text = shown(run([box("a", open=True, lid="on")], over))
    assert "it is open (exempted until 2026-01-01)" in text
    assert "exemption of prod/a from closed: expired on 2026-01-01" in text


def test_the_error_names_each_mandatory_finding_with_its_remedy_and_no_secret() -> None:
    judgement = run([box("a", open=True, lid="on"), box("b-hunter2hunter2", lid="loose")], rules=(CLOSED, BEFRIENDED))
    assert TODAY
    assert str(PoliciesBroken(judgement, MASK)).splitlines() == [
        "closed (high), prod/a: it is open",
        "  close it",
        "closed (high), prod/b-hunter2hunter2: its lid is loose",
        "  close it",
        "Mend them, or exempt them in policy/exemptions.yaml with a reason and an end (docs/policies.md).",
    ]
