"""The exchange's policies on Kyverno's own engine: the same table as Python's and Rego's rules, and `kyverno test`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from rehearsal.recording import Recording
from tests.mesh.manifests import Manifest, pod_of
from tests.policy.as_code import COMPARED, KYVERNO, NAMESPACE, ROWS, all_spoiled, identity, whole
from tests.policy.kyverno_files import kyverno, run

pytestmark = pytest.mark.judges

OWN_TESTS = KYVERNO.parent / "kyverno-test"


@pytest.fixture(scope="module")
def objects(prod: Recording) -> dict[str, Manifest]:
    """Each row's object, spoiled."""
    return all_spoiled(prod)


def test_kyverno_finds_in_each_spoiled_object_what_is_wrong(objects: dict[str, Manifest], tmp_path: Path) -> None:
    found = kyverno(KYVERNO, objects, tmp_path / "spoiled")
    assert found == {identity(row): set(row.rules) for row in ROWS}


def test_kyverno_finds_it_in_a_pod_without_an_owner_too(objects: dict[str, Manifest], tmp_path: Path) -> None:
    pods = {key: pod for key, one in objects.items() if (pod := pod_of(one))}
    found = kyverno(KYVERNO, pods, tmp_path / "pods")
    assert found == {identity(row): set(row.rules) for row in ROWS if identity(row) in pods}


def test_kyverno_finds_nothing_in_all_that_prod_renders(prod: Recording, tmp_path: Path) -> None:
    everything = whole(prod)
    ours = [one for one in everything if one["metadata"].get("namespace") == NAMESPACE]
    assert len(ours) > 100
    found = kyverno(KYVERNO, {str(number): one for number, one in enumerate(ours)}, tmp_path / "whole")
    assert {rule for rules in found.values() for rule in rules} == set()


@pytest.mark.parametrize("rule", sorted(COMPARED))
def test_without_a_policy_its_rows_go_unnoticed(rule: str, objects: dict[str, Manifest], tmp_path: Path) -> None:
    policies = tmp_path / "kyverno"
    shutil.copytree(KYVERNO, policies)
    (policies / f"{rule}.yaml").unlink()
    # Of objects that no policy is for there is no report: another rule's row is looked at too.
    other = next(row for row in ROWS if rule not in row.rules)
    looked_at = [*(row for row in ROWS if rule in row.rules), other]
    found = kyverno(policies, {identity(row): objects[identity(row)] for row in looked_at}, tmp_path / "spoiled")
    assert found == {identity(row): set(row.rules - {rule}) for row in looked_at}


def test_the_policies_pass_their_own_tests() -> None:
    done = run("test", OWN_TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    results = yaml.safe_load((OWN_TESTS / "kyverno-test.yaml").read_text())["results"]
    number = sum(len(one["resources"]) for one in results)
    assert f"{number} tests passed and 0 tests failed" in done.stdout
    for verdict in ("pass", "fail"):
        assert {one["policy"].rpartition("/")[2] for one in results if one["result"] == verdict} == COMPARED


def test_a_policy_that_finds_nothing_fails_its_own_test(tmp_path: Path) -> None:
    shutil.copytree(KYVERNO.parent, tmp_path / "policies")
    file = tmp_path / "policies/kyverno/mesh-mtls-no-exception.yaml"
    policy = yaml.safe_load(file.read_text())
    policy["spec"]["validations"] = [{"message": "anything will do", "expression": "true"}]
    file.write_text(yaml.safe_dump(policy))
    done = run("test", tmp_path / "policies/kyverno-test")
    assert done.returncode == 1, done.stdout
    assert "1 tests failed" in done.stdout
