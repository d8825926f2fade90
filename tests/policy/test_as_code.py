"""The exchange's rules, written three times: here the Python ones, and that each of the three has all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policy.catalog import ALL_RULES
from policy.rules.model import Resource, Stack
from policy.run import examine, guarded
from rehearsal.recording import Recording
from tests.policy import as_code
from tests.policy.as_code import COMPARED, KYVERNO, NAMESPACE, REGO, ROWS, Row, origin, rendered, spoiled, unspoiled

RULES = [rule for rule in ALL_RULES if rule.name in COMPARED]


def said_of(made: dict[str, object], row: Row, prod: Recording, resources: list[Resource]) -> set[str]:
    """What the Python rules find in the object, in the place of its original in the stack."""
    metadata = origin(row, rendered(prod))["metadata"]
    kind = made["kind"]
    (old,) = [
        one
        for one in resources
        if one.type.startswith("kubernetes:")
        and one.props["kind"] == kind
        and (one.props["metadata"].get("namespace"), one.props["metadata"]["name"])
        == (metadata["namespace"], metadata["name"])
    ]
    new = guarded(replace(old, props=made))
    found, undecided = examine(RULES, Stack([new if one is old else one for one in resources]), of=[new])
    assert undecided == []
    return {one.rule.name for one in found if one.resource.name == old.name}


@pytest.mark.parametrize("row", ROWS, ids=as_code.identity)
def test_python_finds_in_a_spoiled_object_what_is_wrong(
    row: Row, prod: Recording, prod_resources: list[Resource]
) -> None:
    objects = rendered(prod)
    assert said_of(unspoiled(row, objects), row, prod, prod_resources) == set()
    assert said_of(spoiled(row, objects), row, prod, prod_resources) == row.rules


def test_python_finds_nothing_in_the_exchanges_objects(prod_resources: list[Resource]) -> None:
    ours = {one.name for one in prod_resources if (one.props.get("metadata") or {}).get("namespace") == NAMESPACE}
    assert len(ours) > 60
    found, _ = examine(RULES, Stack(prod_resources))
    assert [one for one in found if one.resource.name in ours] == []


def test_each_of_the_three_has_every_rule() -> None:
    assert as_code.written_rules(REGO, "rego") == as_code.written_rules(KYVERNO, "yaml") == COMPARED
    assert {rule.name for rule in RULES} == COMPARED
    assert len(ROWS) >= 20
