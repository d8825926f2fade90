"""The exchange's rules in Rego, as its pipeline asks them: conftest over what is rendered, `opa test` over the rules themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from rehearsal.recording import Recording
from tests.mesh.manifests import Manifest
from tests.policy.as_code import COMPARED, NAMESPACE, REGO, ROWS, all_spoiled, identity, whole
from tests.policy.rego_files import conftest, opa

pytestmark = pytest.mark.judges


OWN_TESTS = REGO.parent / "rego-test"


@pytest.fixture(scope="module")
def objects(prod: Recording) -> dict[str, Manifest]:
    """Each row's object, spoiled."""
    return all_spoiled(prod)


def test_conftest_finds_in_each_spoiled_object_what_is_wrong(objects: dict[str, Manifest], tmp_path: Path) -> None:
    found = conftest(REGO, objects, tmp_path / "spoiled")
    assert found == {identity(row): set(row.rules) for row in ROWS}


def test_conftest_finds_nothing_in_all_that_prod_renders(prod: Recording, tmp_path: Path) -> None:
    everything = whole(prod)
    assert sum(1 for one in everything if one["metadata"].get("namespace") == NAMESPACE) > 100
    found = conftest(REGO, {str(number): one for number, one in enumerate(everything)}, tmp_path / "whole")
    assert {rule for rules in found.values() for rule in rules} == set()


@pytest.mark.parametrize("rule", sorted(COMPARED))
def test_without_a_rule_its_rows_go_unnoticed(rule: str, objects: dict[str, Manifest], tmp_path: Path) -> None:
    rules = tmp_path / "rego"
    shutil.copytree(REGO, rules)
    (rules / f"{rule}.rego").unlink()
    found = conftest(rules, objects, tmp_path / "spoiled")
    missed = {identity(row) for row in ROWS if found[identity(row)] != row.rules}
    assert missed == {identity(row) for row in ROWS if rule in row.rules} != set()


def test_the_rules_pass_their_own_tests() -> None:
    done = opa("test", REGO, OWN_TESTS, "--verbose")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "data.rules_test.test_each_rule_finds_what_was_made_for_it: PASS" in done.stdout
    assert set(yaml.safe_load((OWN_TESTS / "objects.yaml").read_text())["bad"]) == COMPARED


@pytest.mark.parametrize("rule", sorted(COMPARED))
def test_without_a_rule_its_own_tests_fail(rule: str, tmp_path: Path) -> None:
    shutil.copytree(REGO, tmp_path / "rego")
    (tmp_path / f"rego/{rule}.rego").unlink()
    done = opa("test", tmp_path / "rego", OWN_TESTS)
    assert (done.returncode, "test_each_rule_finds_what_was_made_for_it: FAIL" in done.stdout) == (2, True), done.stdout


def test_the_rules_are_strict_and_formatted() -> None:
    checked = opa("check", "--strict", REGO, OWN_TESTS / "rules_test.rego")
    formatted = opa("fmt", "--list", "--fail", REGO, OWN_TESTS / "rules_test.rego")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert (formatted.returncode, formatted.stdout) == (0, "")
