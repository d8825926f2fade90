"""The exchange's policies as Kyverno's own controller asks them, at a real API server's door.

What the expressions say of each object is tried in `test_admission_rules.py` too. Here is what only Kyverno can show: that it takes
the policies, that its chart's account is let do what it must, about whom it is asked, and what goes on without it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.recording import Recording
from tests.cluster.api_server import Verdict
from tests.cluster.kyverno import PATIENCE, Kyverno, kyverno
from tests.cluster.test_admission_rules import ALSO, named_anew
from tests.mesh.manifests import Manifest, pod_of
from tests.mesh.processes import wait_until
from tests.policy.as_code import KYVERNO, NAMESPACE, ROWS, Row, identity, rendered, spoiled, unspoiled

pytestmark = pytest.mark.judges

POLICY = "NamespacedValidatingPolicy"


@pytest.fixture(scope="module")
def objects(prod: Recording) -> list[Manifest]:
    return rendered(prod)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, objects: list[Manifest]) -> Iterator[Kyverno]:
    """It has taken all policies that prod renders, and is asked by the API server."""
    with kyverno(tmp_path_factory.mktemp("kyverno"), objects) as running:
        for namespace in (NAMESPACE, "elsewhere"):
            running.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        for one in (one for one in objects if one["kind"] == POLICY):
            _take(running, one)
        for row in ROWS:
            _wait_until_refused(running, row, named_anew(spoiled(row, objects)))
        yield running


def _take(running: Kyverno, policy: Manifest) -> None:
    """Its own webhook judges policies, once it is there."""
    verdicts: list[Verdict] = []

    def taken() -> bool:
        verdicts.append(running.server.create(policy))
        return verdicts[-1].status == 201

    wait_until(taken, f"{policy['metadata']['name']} to be taken", patience=PATIENCE)


def _wait_until_refused(running: Kyverno, row: Row, bad: Manifest) -> None:
    """By its policy, and not because nobody answers yet."""
    wait_until(
        lambda: refused_by(running.server.create(bad, dry_run=True), row),
        f"{identity(row)} to be refused\n{running.log()}",
        patience=PATIENCE,
    )


def refused_by(verdict: Verdict, row: Row) -> bool:
    rules = row.rules | {ALSO.get(identity(row), "")} - {""}
    return verdict.status == 400 and "kyverno" in verdict.message and any(rule in verdict.message for rule in rules)


def test_it_has_taken_every_policy(asked: Kyverno) -> None:
    path = f"/apis/policies.kyverno.io/v1/namespaces/{NAMESPACE}/namespacedvalidatingpolicies"
    found = asked.server.request("GET", path).body["items"]
    assert len(found) == len(list(KYVERNO.glob("*.yaml")))
    assert [one["metadata"]["name"] for one in found if not one["status"]["conditionStatus"]["ready"]] == []


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_a_spoiled_object_is_refused_by_the_policy_of_its_rule(
    asked: Kyverno, objects: list[Manifest], row: Row
) -> None:
    verdict = asked.server.create(named_anew(spoiled(row, objects)), dry_run=True)
    assert refused_by(verdict, row), f"{verdict.status} {verdict.message}"


def test_all_that_prod_renders_for_the_namespace_is_taken(asked: Kyverno, objects: list[Manifest]) -> None:
    ours = [one for one in objects if one["metadata"].get("namespace") == NAMESPACE and one["kind"] != POLICY]
    pods = [pod for one in ours if (pod := pod_of(one))]
    moved = [unspoiled(row, objects) for row in ROWS if row.elsewhere]
    verdicts = [asked.server.create(one, dry_run=True) for one in [*ours, *pods, *moved]]
    assert [verdict.message for verdict in verdicts if verdict.status != 201] == []


def test_other_namespaces_are_not_its_business(asked: Kyverno, objects: list[Manifest]) -> None:
    row = next(one for one in ROWS if one.object.startswith("workload/"))
    bad = named_anew(spoiled(row, objects))
    bad["metadata"]["namespace"] = "elsewhere"
    assert asked.server.create(bad, dry_run=True).status == 201


def test_without_it_nothing_is_made_in_the_namespace_and_all_goes_on_elsewhere(
    asked: Kyverno, objects: list[Manifest]
) -> None:
    """`failurePolicy: Fail`, as docs/adr/0036 has it: who makes it crash has no way round it."""
    good = named_anew(
        next(one for one in objects if one["kind"] == "Service" and one["metadata"]["namespace"] == NAMESPACE)
    )
    assert asked.server.create(good, dry_run=True).status == 201
    asked.kill()
    verdict = asked.server.create(good, dry_run=True)
    assert verdict.status == 500
    assert "failed calling webhook" in verdict.message
    good["metadata"]["namespace"] = "elsewhere"
    assert asked.server.create(good, dry_run=True).status == 201
    good["metadata"]["namespace"] = NAMESPACE
    asked.start()
    wait_until(lambda: asked.server.create(good, dry_run=True).status == 201, "it to answer again", patience=PATIENCE)
