"""Both stacks keep every protection, and every check of one fails once the protection is gone."""

from __future__ import annotations

import pytest

from rehearsal.recording import Recording
from tests.protections import PROTECTIONS, Protection

CASES = [(protection, stack) for protection in PROTECTIONS for stack in protection.stacks]
IDS = [f"{stack}: {protection.sentence}" for protection, stack in CASES]


@pytest.mark.parametrize(("protection", "stack"), CASES, ids=IDS)
def test_the_stack_keeps(protection: Protection, stack: str, request: pytest.FixtureRequest) -> None:
    recording: Recording = request.getfixturevalue(stack)
    protected = [resource for resource in recording if protection.applies(resource)]
    assert protected, "nothing in the stack has this protection"
    assert [resource.name for resource in protected if not protection.kept_by(resource)] == []


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.sentence)
def test_its_removal_is_noticed(protection: Protection, prod: Recording) -> None:
    for resource in prod:
        if protection.applies(resource):
            assert not protection.kept_by(protection.without(resource)), resource.name
