"""The real engine over the embedded cloud, on a small program: every run a user makes, from preview to destroy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine.events import Step
from rehearsal.engine.program import project_program
from rehearsal.engine.stack import EngineStack, without_protection
from rehearsal.inprocess import ProgramFailed, run
from rehearsal.values import Secret, reveal
from tests.rehearsal.engine_rig import RESOURCES, TOKEN, Rig, account_ids, ec2, open_rig, settings_for, tree

pytestmark = pytest.mark.verify


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with open_rig(tmp_path) as opened:
        yield opened


@pytest.fixture
def up(rig: Rig) -> EngineStack:
    stack = rig.stack()
    stack.up()
    return stack


def _one(stack: EngineStack, name: str) -> Any:
    (found,) = [resource for resource in stack.resources() if resource.name == name and resource.custom]
    return found


def test_preview_touches_nothing(rig: Rig) -> None:
    before = account_ids()
    steps: list[Step] = []
    assert rig.stack().preview(steps.append)["create"] == RESOURCES + 1
    assert not rig.cloud.live
    assert account_ids() == before
    assert rig.manifest_names() == []
    assert {"shop-vpc", "shop-subnet-a", "app"} <= {step.name for step in steps if step.operation == "create"}


def test_up_makes_what_preview_said_and_reports_each_step(rig: Rig) -> None:
    steps: list[Step] = []
    stack = rig.stack()
    planned = stack.preview()
    assert stack.up(steps.append) == planned
    assert [(step.operation, step.status) for step in steps if step.name == "shop-vpc"] == [
        ("create", "started"),
        ("create", "done"),
    ]
    rig.assert_no_orphans(stack)
    assert rig.manifest_names() == ["v1-configmap-shop-app.yaml"]


def test_a_second_up_changes_nothing(rig: Rig, up: EngineStack) -> None:
    assert up.up() == {"same": RESOURCES + 1}
    assert rig.stack().preview() == {"same": RESOURCES + 1}


def test_outputs_come_back_with_their_secrets_marked(up: EngineStack) -> None:
    outputs = up.outputs()
    assert outputs["vpc"] == _one(up, "shop-vpc").id
    assert isinstance(outputs["password"], Secret)
    assert len(reveal(outputs["password"])) == 24


def test_drift_is_found_by_refresh_and_repaired_by_up(up: EngineStack) -> None:
    group = _one(up, "db").id
    ec2().create_tags(Resources=[group], Tags=[{"Key": "owner", "Value": "somebody"}])
    assert up.refresh()["update"] == 1
    assert _one(up, "db").inputs["tags"] == {"owner": "somebody"}
    assert up.up()["update"] == 1
    (seen,) = ec2().describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert {"Key": "owner", "Value": "platform"} in seen["Tags"]


def test_a_resource_deleted_by_hand_is_made_again(rig: Rig, up: EngineStack) -> None:
    ec2().delete_subnet(SubnetId=_one(up, "shop-subnet-c").id)
    assert up.refresh()["delete"] == 1
    assert up.up()["create"] == 1
    rig.assert_no_orphans(up)


def test_a_manifest_edited_by_hand_is_drift_too(rig: Rig, up: EngineStack) -> None:
    (path,) = rig.manifests.rglob("*.yaml")
    path.write_text(path.read_text().replace("owner: platform", "owner: somebody"))
    assert up.refresh()["update"] == 1
    assert up.up()["update"] == 1
    assert "owner: platform" in path.read_text()


def test_an_update_in_place_keeps_the_resource(rig: Rig, up: EngineStack) -> None:
    before = _one(up, "db").id
    changes = rig.stack(owner="shop").up()
    assert changes["update"] == 2
    assert _one(up, "db").id == before
    (seen,) = ec2().describe_security_groups(GroupIds=[before])["SecurityGroups"]
    assert {"Key": "owner", "Value": "shop"} in seen["Tags"]


def test_a_change_that_cannot_be_made_in_place_replaces(rig: Rig, up: EngineStack) -> None:
    before = _one(up, "shop-subnet-c").id
    changed = rig.stack(subnets={"a": "10.0.0.0/24", "c": "10.0.2.0/24"})
    assert changed.preview()["replace"] == 1
    assert _one(up, "shop-subnet-c").id == before
    assert changed.up()["replace"] == 1
    assert _one(up, "shop-subnet-c").id != before
    rig.assert_no_orphans(changed)


def test_replacing_the_network_replaces_what_stands_in_it(rig: Rig, up: EngineStack) -> None:
    changed = rig.stack(cidr="10.9.0.0/16", subnets={"a": "10.9.0.0/24"})
    assert changed.preview()["replace"] >= 3
    changed.up()
    rig.assert_no_orphans(changed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cidr": "10.0.0.0/8"}, "shop-vpc: cidrBlock: 10.0.0.0/8 must be between /16 and /28"),
        ({"cidr": "ten"}, "shop-vpc: cidrBlock: 'ten' is not a CIDR block"),
        ({"subnets": {"a": "10.0.0.0/24", "c": "10.0.0.0/25"}}, "shop-subnet-.: create_subnet: InvalidSubnet.Conflict"),
        ({"subnets": ["a"]}, "'list' object has no attribute 'items'"),
    ],
)
def test_a_failure_names_the_resource_and_the_reason_and_shows_no_trace(
    rig: Rig, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProgramFailed, match=message) as caught:
        rig.stack(**changes).up()
    assert "Traceback" not in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_after_a_failure_the_mended_settings_go_on(rig: Rig) -> None:
    with pytest.raises(ProgramFailed):
        rig.stack(subnets={"a": "10.0.0.0/24", "c": "10.1.0.0/24"}).up()
    stack = rig.stack()
    stack.up()
    rig.assert_no_orphans(stack)


def test_no_secret_is_written_in_plain_text(rig: Rig, up: EngineStack) -> None:
    password = reveal(up.outputs()["password"])
    up.refresh()
    written = b"".join(path.read_bytes() for path in rig.state.rglob("*") if path.is_file())
    assert b"ciphertext" in written
    assert password.encode() not in written
    assert TOKEN.encode() not in written


def test_the_project_is_only_read(rig: Rig) -> None:
    stack = rig.stack()
    before = tree(rig.root)
    stack.up()
    stack.destroy()
    assert tree(rig.root) == before


def test_destroy_leaves_an_empty_account(rig: Rig) -> None:
    before = account_ids()
    stack = rig.stack()
    stack.up()
    assert account_ids() != before
    assert stack.destroy()["delete"] == RESOURCES + 1
    assert account_ids() == before
    assert not rig.cloud.live
    assert rig.manifest_names() == []
    assert stack.resources() == []


def test_a_protected_resource_is_not_deleted_by_up(rig: Rig) -> None:
    stack = rig.stack(protect=True, extra=True)
    stack.up()
    with pytest.raises(ProgramFailed, match=r"extra: resource .* is protected"):
        rig.stack(protect=True).up()
    rig.assert_no_orphans(stack)


@pytest.mark.parametrize("by_settings", [True, False])
def test_destroy_gets_past_protection_by_settings_or_in_the_state(rig: Rig, by_settings: bool) -> None:
    stack = rig.stack(protect=True)
    stack.up()
    assert any(resource.protect for resource in stack.resources())
    stack.destroy(unlocked=without_protection(settings_for(rig.root, protect=True)) if by_settings else None)
    assert not rig.cloud.live


def test_the_program_registers_the_same_in_process_and_on_the_engine(rig: Rig, up: EngineStack) -> None:
    """One cloud answers both, so that even the ids are the same: a create that is asked again gets what is there."""
    before = account_ids()
    recording = run(project_program(rig.root), settings_for(rig.root), rig.cloud)
    assert account_ids() == before
    on_engine = {r.urn.split("::", 2)[2]: (r.type, r.id, reveal(r.inputs), r.protect) for r in up.resources()}
    in_process = {r.urn.split("::", 2)[2]: (r.type, r.id, reveal(r.inputs), r.protect) for r in recording}
    assert in_process == on_engine
    assert reveal(recording.stack_outputs) == reveal(up.outputs())


def test_in_process_runs_work_before_and_after_the_engine_in_one_process(rig: Rig) -> None:
    stack = rig.stack()
    first = run(project_program(rig.root), settings_for(rig.root), rig.cloud)
    stack.up()
    second = run(project_program(rig.root), settings_for(rig.root), rig.cloud)
    assert len(first) == RESOURCES
    assert sorted(r.urn for r in first) == sorted(r.urn for r in second)
    rig.assert_no_orphans(stack)


def test_a_proxy_in_the_environment_is_not_asked_for_what_is_on_loopback(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    stack = rig.stack()
    stack.up()
    rig.assert_no_orphans(stack)
