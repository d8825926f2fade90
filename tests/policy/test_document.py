"""docs/policies.md is what the rules say."""

from __future__ import annotations

from policy.catalog import ALL_RULES
from policy.document import render
from tests.stacks import ROOT


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "policies.md").read_text() == render(), "run `make docs`"


def test_every_rule_has_a_line_with_its_controls_and_severity() -> None:
    lines = render().splitlines()
    for rule in ALL_RULES:
        (line,) = [one for one in lines if one.startswith(f"| `{rule.name}` |")]
        assert all(control in line for control in rule.controls)
        assert f"| {rule.severity} | {'mandatory' if rule.mandatory else 'advice'}" in line
