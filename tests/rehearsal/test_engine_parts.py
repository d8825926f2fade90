"""What the engine's driver does apart from the engine: states put right, messages made readable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation import EngineEvent
from pydantic import BaseModel

from infra.settings import SECTIONS, wealist
from rehearsal.cloud import Cloud
from rehearsal.engine.events import Listener, Step
from rehearsal.engine.stack import without_protection
from rehearsal.engine.state import pending, replacing, resources_of, settle_creates
from rehearsal.kubernetes import KubernetesProvider
from rehearsal.provider import Rejected
from rehearsal.stack_file import StackFile
from rehearsal.values import Secret
from tests.stacks import stack_file

URN = "urn:pulumi:test::shop::aws:ec2/vpc:Vpc::vpc"
OTHER = "urn:pulumi:test::shop::aws:ec2/subnet:Subnet::subnet"


def _entry(urn: str, identifier: str, **more: Any) -> dict[str, Any]:
    return {"urn": urn, "type": urn.split("::")[2], "custom": True, "id": identifier, "inputs": {}, **more}


def _state(resources: list[dict[str, Any]], *operations: tuple[str, str]) -> dict[str, Any]:
    pending_operations = [{"type": kind, "resource": _entry(urn, "")} for kind, urn in operations]
    return {"manifest": {}, "resources": resources, "pending_operations": pending_operations}


def test_a_create_that_was_carried_out_becomes_a_resource_of_the_state() -> None:
    settled = settle_creates(_state([_entry(OTHER, "subnet-1")], ("creating", URN)), {URN: "vpc-1"})
    assert [(r["urn"], r["id"]) for r in settled["resources"]] == [(OTHER, "subnet-1"), (URN, "vpc-1")]
    assert "pending_operations" not in settled
    assert settled["manifest"] == {}


@pytest.mark.parametrize("kind", ["creating", "updating", "deleting", "reading"])
def test_any_other_operation_in_the_air_is_dropped(kind: str) -> None:
    state = _state([_entry(OTHER, "subnet-1")], (kind, OTHER))
    assert pending(state) == [f"{kind} {OTHER}"]
    settled = settle_creates(state, {} if kind == "creating" else {OTHER: "subnet-2"})
    assert settled == {"manifest": {}, "resources": [_entry(OTHER, "subnet-1")]}


def test_a_create_whose_answer_is_in_the_state_is_not_taken_twice() -> None:
    settled = settle_creates(_state([_entry(URN, "vpc-1")], ("creating", URN)), {URN: "vpc-1"})
    assert [r["id"] for r in settled["resources"]] == ["vpc-1"]


def test_a_replacement_that_could_not_be_withdrawn_stands_before_its_condemned_predecessor() -> None:
    state = _state([_entry(OTHER, "subnet-1"), _entry(URN, "vpc-1")], ("creating", URN), ("creating", OTHER + "-new"))
    assert replacing(state) == [URN]
    settled = settle_creates(state, {URN: "vpc-2"})
    assert [(r["id"], r.get("delete", False)) for r in settled["resources"]] == [
        ("subnet-1", False),
        ("vpc-2", False),
        ("vpc-1", True),
    ]
    assert [r.id for r in resources_of(settled)] == ["subnet-1", "vpc-2"]


def test_the_states_secrets_are_marked_and_do_not_show() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hidden"'}
    (resource,) = resources_of({"resources": [_entry(URN, "vpc-1", outputs={"tags": {"key": secret}})]})
    assert resource.outputs == {"tags": {"key": Secret("hidden")}}
    assert "hidden" not in repr(resource)


def test_without_protection_lifts_every_switch_and_nothing_else() -> None:
    settings = {"database": {"deletion_protection": True, "days": 7}, "protect": True, "many": [{"protect": True}]}
    config = {"shop:all": json.dumps(settings), "shop:protect": "yes", "aws:region": "{not json"}
    file = StackFile(project="shop", stack="test", path=Path("x"), config=config, secret_keys=frozenset(), stood_in=())
    lifted = without_protection(file).config
    assert json.loads(lifted["shop:all"]) == {
        "database": {"deletion_protection": False, "days": 7},
        "protect": False,
        "many": [{"protect": False}],
    }
    assert lifted["aws:region"] == "{not json"
    assert lifted["shop:protect"] == "yes"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_without_protection_lifts_also_what_the_stacks_file_does_not_name(stack: str) -> None:
    lifted = without_protection(stack_file(stack)).config
    for name, section in SECTIONS.items():
        settings = section.model_validate(json.loads(lifted[f"edge-platform:{name}"]))
        assert set(_switches(settings)) <= {False}, name
    assert set(_switches(wealist.Wealist.model_validate(json.loads(lifted["edge-platform:wealist"])))) == {False}


def _switches(section: BaseModel) -> Iterator[bool]:
    for name, value in section:
        if name in ("protect", "deletion_protection"):
            yield value
        elif isinstance(value, BaseModel):
            yield from _switches(value)


def _error(message: str, urn: str = "") -> EngineEvent:
    return EngineEvent.from_json({"diagnosticEvent": {"message": message, "severity": "error", "urn": urn}})


@pytest.mark.parametrize(
    ("events", "program_error", "causes"),
    [
        (
            [_error("<{%reset%}>aws:ec2/vpc:Vpc resource 'vpc' has a problem: too wide<{%reset%}>\n", URN)],
            None,
            ["vpc: too wide"],
        ),
        ([_error("1 error occurred:\n\t* refused", URN)], None, ["vpc: refused"]),
        (
            [_error("refused", URN), _error("refused", URN), _error("update failed")],
            ValueError("late"),
            ["vpc: refused"],
        ),
        ([_error("program failed\nTraceback (most recent call last):\n  File x")], None, ["program failed"]),
        ([_error("python inline source runtime error: no")], ValueError("no such zone"), ["no such zone"]),
        ([_error(f"{OTHER} depends on <{URN}>")], None, ["subnet depends on <vpc>"]),
        ([_error("update failed")], None, ["update failed"]),
        ([], KeyError(), ["KeyError"]),
        ([], None, []),
    ],
)
def test_causes_are_named_once_and_without_traces(
    events: list[EngineEvent], program_error: Exception | None, causes: list[str]
) -> None:
    listener = Listener(None)
    for event in events:
        listener(event)
    assert listener.causes(program_error) == causes


def test_steps_are_passed_on_and_default_providers_are_not() -> None:
    steps: list[Step] = []
    listener = Listener(steps.append)
    for urn in (URN, "urn:pulumi:test::shop::pulumi:providers:aws::default_7_51_1"):
        listener(EngineEvent.from_json({"resourcePreEvent": {"metadata": {"op": "create", "urn": urn, "type": "t"}}}))
    assert [(step.operation, step.name, step.status) for step in steps] == [("create", "vpc", "started")]


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud({"kubernetes": KubernetesProvider(tmp_path)})


TOKEN = "kubernetes:core/v1:ConfigMap"
MAP_URN = f"urn:pulumi:test::shop::{TOKEN}::map"


def _map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def test_a_create_asked_again_gets_what_the_lost_answer_told(cloud: Cloud) -> None:
    first = cloud.create(MAP_URN, TOKEN, _map("one"))
    assert cloud.unanswered == {MAP_URN: first.id}
    assert cloud.create(MAP_URN, TOKEN, _map("one")) == first


def test_a_create_asked_again_after_the_answer_arrived_is_a_second_resource(cloud: Cloud) -> None:
    """A replacement: to give it the first one would be to have it deleted with its predecessor."""
    first = cloud.create(MAP_URN, TOKEN, _map("one"))
    cloud.answered(MAP_URN, first.id)
    with pytest.raises(Rejected, match="exists already"):
        cloud.create(MAP_URN, TOKEN, _map("one"))


def test_a_lost_create_with_other_inputs_makes_way(cloud: Cloud, tmp_path: Path) -> None:
    cloud.create(MAP_URN, TOKEN, _map("one"))
    cloud.create(MAP_URN, TOKEN, _map("two"))
    assert [path.name for path in tmp_path.rglob("*.yaml")] == ["v1-configmap-default-two.yaml"]
    assert [state.id for state in cloud.live.values()] == ["two"]


def test_a_lost_create_that_is_gone_is_made_again(cloud: Cloud, tmp_path: Path) -> None:
    cloud.create(MAP_URN, TOKEN, _map("one"))
    (path,) = tmp_path.rglob("*.yaml")
    path.unlink()
    cloud.create(MAP_URN, TOKEN, _map("one"))
    assert path.exists()


def test_a_withdrawn_replacement_leaves_its_predecessor(cloud: Cloud) -> None:
    first = cloud.create(MAP_URN, TOKEN, _map("one"))
    cloud.answered(MAP_URN, first.id)
    cloud.create(MAP_URN, TOKEN, _map("two"))
    cloud.withdraw(MAP_URN)
    assert [state.id for state in cloud.live.values()] == ["one"]
    assert cloud.unanswered == {}
