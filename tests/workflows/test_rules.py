"""Every workflow keeps our rules, and each rule finds what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows.files import EVERYTHING, Workflow, parse
from tests.workflows.rules import RULES, Rule

CHECKOUT = "actions/checkout@df4cb1c069e1874edd31b4311f1884172cec0e10"
GOOD = f"""
on: {{pull_request: }}
permissions: {{}}
concurrency: {{group: x, cancel-in-progress: true}}
jobs:
  one:
    timeout-minutes: 5
    permissions: {{contents: read}}
    steps:
      - uses: {CHECKOUT}
        with: {{persist-credentials: false}}
      - run: echo "$WHO"
        env: {{WHO: "${{{{ github.actor }}}}"}}
"""
BAD = {
    "a tag instead of a commit": ("pinned_by_digest", CHECKOUT, "actions/checkout@v6"),
    "a commit that is cut short": ("pinned_by_digest", CHECKOUT, CHECKOUT[:-1]),
    "no timeout": ("bounded_in_time", "timeout-minutes: 5", "name: x"),
    "a timeout of a day": ("bounded_in_time", "timeout-minutes: 5", "timeout-minutes: 1440"),
    "permissions for all jobs": ("permitted_one_by_one", "permissions: {}", "permissions: {contents: read}"),
    "a job with whatever permissions": ("permitted_one_by_one", "permissions: {contents: read}", "name: x"),
    "all permissions in one word": ("permitted_one_by_one", "permissions: {contents: read}", "permissions: write-all"),
    "the trigger with rights": ("no_stranger_with_a_token", "{pull_request: }", "[pull_request_target]"),
    "a secret": ("no_secret_for_a_stranger", "github.actor", "secrets.TOKEN"),
    "a token for AWS in a fork's run": ("no_secret_for_a_stranger", "contents: read", "id-token: write"),
    "a token in the checkout": ("no_credentials_left_behind", "persist-credentials: false", "fetch-depth: 0"),
    "a stranger's code with rights": ("no_credentials_left_behind", "{pull_request: }", "{workflow_run: }"),
    "text that the shell runs": ("no_text_in_scripts", 'echo "$WHO"', "echo ${{ github.head_ref }}"),
    "runs that overtake each other": ("one_at_a_time", "concurrency:", "x-concurrency:"),
    "an update that can be cut off": ("one_at_a_time", 'echo "$WHO"', "pulumi up"),
}


def findings(rule: Rule, text: str) -> list[str]:
    return list(rule(Workflow(path=Path("none.yml"), content=parse(text))))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("workflow", EVERYTHING, ids=lambda one: f"{one.path.parent.name}/{one.path.name}")
def test_the_workflow_keeps(rule: Rule, workflow: Workflow) -> None:
    assert list(rule(workflow)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_workflow_has_no_finding(rule: Rule) -> None:
    assert findings(rule, GOOD) == []


@pytest.mark.parametrize("case", list(BAD))
def test_a_bad_workflow_is_found(case: str) -> None:
    name, good, bad = BAD[case]
    (rule,) = [one for one in RULES if one.__name__ == name]
    assert GOOD.count(good) == 1
    assert findings(rule, GOOD.replace(good, bad))


def test_every_rule_has_a_bad_workflow() -> None:
    assert {rule.__name__ for rule in RULES} == {name for name, _, _ in BAD.values()}


def test_an_action_without_its_version_beside_it_is_found(tmp_path: Path) -> None:
    (rule,) = [one for one in RULES if one.__name__ == "pinned_by_digest"]
    path = tmp_path / "x.yml"
    path.write_text(f"jobs:\n  one:\n    steps:\n      - uses: {CHECKOUT}\n")
    workflow = Workflow(path=path, content=parse(path.read_text()))
    assert list(rule(workflow)) == [f"{CHECKOUT} has no version beside it"]
