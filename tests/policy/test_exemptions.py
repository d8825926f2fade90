"""The file of exemptions: what is wrong with it is said at once, and how to mend it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from policy.exemptions import ExemptionsError, load_exemptions
from tests.stacks import ROOT

RULES = ("rds-not-public", "s3-tls-only")
GOOD = "- {rule: s3-tls-only, resources: [prod/logs], reason: it is moved by summer, expires: 2027-06-30}\n"


def problems(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "exemptions.yaml"
    path.write_text(text)
    with pytest.raises(ExemptionsError) as error:
        load_exemptions(RULES, path)
    assert str(error.value).startswith("policy/exemptions.yaml has ")
    return error.value.problems


def test_each_resource_of_an_entry_is_an_exemption(tmp_path: Path) -> None:
    path = tmp_path / "exemptions.yaml"
    path.write_text(GOOD.replace("[prod/logs]", "[prod/logs, 'dev/logs-*']"))
    assert [one.resource for one in load_exemptions(RULES, path)] == ["prod/logs", "dev/logs-*"]


def test_no_exemptions_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "exemptions.yaml").write_text("# none\n")
    assert load_exemptions(RULES, tmp_path / "exemptions.yaml") == ()


def test_an_unknown_rule_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("s3-tls-only", "s3-tls"))
    assert (
        problem
        == "entry 1 (s3-tls): rule: there is no rule 's3-tls'; did you mean 's3-tls-only'? docs/policies.md lists them"
    )


@pytest.mark.parametrize("key", ["rule", "resources", "reason", "expires"])
def test_a_missing_key_is_named(key: str, tmp_path: Path) -> None:
    entry = {
        "rule": "s3-tls-only",
        "resources": "[prod/logs]",
        "reason": "it is moved by summer",
        "expires": "2027-06-30",
    }
    text = ", ".join(f"{name}: {value}" for name, value in entry.items() if name != key)
    (problem,) = problems(tmp_path, f"- {{{text}}}\n")
    assert f"'{key}' is missing; it is " in problem


@pytest.mark.parametrize(
    "pattern", ["logs", "prod/*", "prod/**", "prod/a*", "*/logs", "pro*/logs", "prod/a?cd", "prod/[abc]d", "prod/"]
)
def test_a_pattern_says_the_stack_and_some_of_the_name(pattern: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("prod/logs", f"'{pattern}'"))
    assert f"resources: '{pattern}' is not <tier, stack or any>/<logical name>" in problem


def test_an_exemption_is_for_something(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("prod/logs", ""))
    assert "resources: [] is not a list of <tier, stack or any>/<logical name>" in problem


def test_a_reason_is_a_sentence(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("it is moved by summer", "later"))
    assert (
        problem == "entry 1 (s3-tls-only): reason: 'later' is not a sentence: why it may stay as it is, and until what"
    )


def test_an_end_is_a_date(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("2027-06-30", "soon"))
    assert problem == "entry 1 (s3-tls-only): expires: 'soon' is not a date, such as 2027-06-30"


def test_an_unknown_key_is_answered_with_those_there_are(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace("expires", "until: 2027-01-01, expires"))
    assert problem.endswith("'until' is no key of an exemption; the keys are rule, resources, reason, expires")


def test_one_that_stands_there_twice_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD + GOOD) == ("s3-tls-only, prod/logs: stands there twice; keep one",)


def test_what_is_no_list_or_no_yaml_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, "rule: s3-tls-only\n") == ("it holds dict where a list of exemptions is allowed",)
    assert problems(tmp_path, "- later\n") == (
        "entry 1: 'later' is no exemption; one has the keys rule, resources, reason, expires",
    )
    (problem,) = problems(tmp_path, "- rule: [\n")
    assert problem.startswith("line 2: this is no YAML")


def test_all_errors_come_out_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, GOOD.replace("prod/logs", "logs") + GOOD.replace("s3-tls-only", "nothing"))) == 2


def test_the_engine_is_told_without_a_trace(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policy", tmp_path / "policy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "policy/exemptions.yaml").write_text("- rule: no-such-rule\n")
    as_the_engine_does = [sys.executable, "-m", "pulumi.policy", "127.0.0.1:1", str(tmp_path / "policy")]
    done = subprocess.run(as_the_engine_does, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("policy/exemptions.yaml has ")
    assert "Traceback" not in done.stderr
