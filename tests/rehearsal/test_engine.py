"""The real engine over the embedded cloud, on a small program: every run a user makes, from preview to destroy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine.events import Step
from rehearsal.engine.program import project_program
from rehearsal.engine.stack import Changes, EngineStack, without_protection
from rehearsal.inprocess import ProgramFailed, run
from rehearsal.values import Props, Secret, reveal
from tests.rehearsal.engine_rig import RESOURCES, TOKEN, Rig, account_ids, client, open_rig, settings_for, tree

pytestmark = pytest.mark.verify


@pytest.fixture(scope="class")
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_rig(tmp_path_factory.mktemp("rig"), secrets=request.cls is TestLife) as opened:
        yield opened


@pytest.fixture
def up(rig: Rig) -> EngineStack:
    """The stack as its settings say, whatever the test before left."""
    stack = rig.stack()
    stack.up()
    return stack


def _one(rig: Rig, name: str) -> Any:
    (found,) = [resource for resource in rig.saved() if resource.name == name and resource.custom]
    return found


@dataclass(frozen=True, kw_only=True)
class Life:
    """A stack that was previewed and then brought up, and what was seen of that."""

    stack: EngineStack
    before: set[str]
    files: dict[str, bytes]
    previewed: Changes
    preview_steps: list[Step]
    touched_by_preview: set[str]
    made: Changes
    steps: list[Step]
    outputs: Props


@pytest.fixture(scope="class")
def life(rig: Rig) -> Life:
    preview_steps: list[Step] = []
    steps: list[Step] = []
    stack, before, files = rig.stack(), account_ids(), tree(rig.root)
    previewed = stack.preview(preview_steps.append)
    touched = {*rig.cloud.live, *(account_ids() - before), *rig.manifest_names()}
    return Life(
        stack=stack,
        before=before,
        files=files,
        previewed=previewed,
        preview_steps=preview_steps,
        touched_by_preview=touched,
        made=stack.up(steps.append),
        steps=steps,
        outputs=stack.outputs(),
    )


class TestLife:
    """From preview to destroy, in this order."""

    def test_preview_touches_nothing(self, life: Life) -> None:
        assert life.previewed["create"] == RESOURCES + 1
        assert life.touched_by_preview == set()
        created = {step.name for step in life.preview_steps if step.operation == "create"}
        assert {"shop-vpc", "shop-subnet-a", "app"} <= created

    def test_up_makes_what_preview_said_and_reports_each_step(self, rig: Rig, life: Life) -> None:
        assert life.made == life.previewed
        assert [(step.operation, step.status) for step in life.steps if step.name == "shop-vpc"] == [
            ("create", "started"),
            ("create", "done"),
        ]
        rig.assert_no_orphans()
        assert rig.manifest_names() == ["v1-configmap-shop-app.yaml"]

    def test_the_program_registers_the_same_in_process_and_on_the_engine(self, rig: Rig, life: Life) -> None:
        """One cloud answers both, so that even the ids are the same: a create that is asked again gets what is there."""
        before = account_ids()
        recording = run(project_program(rig.root), settings_for(rig.root), rig.cloud)
        assert account_ids() == before
        on_engine = {
            r.urn.split("::", 2)[2]: (r.type, r.id, reveal(r.inputs), r.protect) for r in life.stack.resources()
        }
        in_process = {r.urn.split("::", 2)[2]: (r.type, r.id, reveal(r.inputs), r.protect) for r in recording}
        assert in_process == on_engine
        assert reveal(recording.stack_outputs) == reveal(life.outputs)

    def test_outputs_come_back_with_their_secrets_marked(self, rig: Rig, life: Life) -> None:
        assert life.outputs["vpc"] == _one(rig, "shop-vpc").id
        assert isinstance(life.outputs["password"], Secret)
        assert len(reveal(life.outputs["password"])) == 24

    def test_a_second_up_changes_nothing(self, rig: Rig, life: Life) -> None:
        assert life.stack.up() == {"same": RESOURCES + 1}
        assert rig.stack().preview() == {"same": RESOURCES + 1}

    def test_no_secret_is_written_in_plain_text(self, rig: Rig, life: Life) -> None:
        password = reveal(life.outputs["password"])
        assert life.stack.refresh() == {"same": RESOURCES + 1}
        written = b"".join(path.read_bytes() for path in rig.state.rglob("*") if path.is_file())
        assert b"ciphertext" in written
        assert password.encode() not in written
        assert TOKEN.encode() not in written

    def test_destroy_leaves_an_empty_account_and_the_project_was_only_read(self, rig: Rig, life: Life) -> None:
        assert account_ids() != life.before
        assert life.stack.destroy()["delete"] == RESOURCES + 1
        assert account_ids() == life.before
        assert not rig.cloud.live
        assert rig.manifest_names() == []
        assert rig.saved() == []
        assert tree(rig.root) == life.files


class TestDrift:
    """What somebody did by hand."""

    def test_drift_is_found_by_refresh_and_repaired_by_up(self, rig: Rig, up: EngineStack) -> None:
        group = _one(rig, "db").id
        client("ec2").create_tags(Resources=[group], Tags=[{"Key": "owner", "Value": "somebody"}])
        assert up.refresh()["update"] == 1
        assert _one(rig, "db").inputs["tags"] == {"owner": "somebody"}
        assert up.up()["update"] == 1
        (seen,) = client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
        assert {"Key": "owner", "Value": "platform"} in seen["Tags"]

    def test_a_resource_deleted_by_hand_is_made_again(self, rig: Rig, up: EngineStack) -> None:
        client("ec2").delete_subnet(SubnetId=_one(rig, "shop-subnet-c").id)
        assert up.refresh()["delete"] == 1
        assert up.up()["create"] == 1
        rig.assert_no_orphans()

    def test_a_manifest_edited_by_hand_is_drift_too(self, rig: Rig, up: EngineStack) -> None:
        (path,) = rig.manifests.rglob("*.yaml")
        path.write_text(path.read_text().replace("owner: platform", "owner: somebody"))
        assert up.refresh()["update"] == 1
        assert up.up()["update"] == 1
        assert "owner: platform" in path.read_text()


class TestChanges:
    """Other settings for a stack that stands."""

    def test_an_update_in_place_keeps_the_resource(self, rig: Rig, up: EngineStack) -> None:
        before = _one(rig, "db").id
        changes = rig.stack(owner="shop").up()
        assert changes["update"] == 2
        assert _one(rig, "db").id == before
        (seen,) = client("ec2").describe_security_groups(GroupIds=[before])["SecurityGroups"]
        assert {"Key": "owner", "Value": "shop"} in seen["Tags"]

    def test_a_change_that_cannot_be_made_in_place_replaces(self, rig: Rig, up: EngineStack) -> None:
        before = _one(rig, "shop-subnet-c").id
        changed = rig.stack(subnets={"a": "10.0.0.0/24", "c": "10.0.2.0/24"})
        assert changed.preview()["replace"] == 1
        assert _one(rig, "shop-subnet-c").id == before
        assert changed.up()["replace"] == 1
        assert _one(rig, "shop-subnet-c").id != before
        rig.assert_no_orphans()

    def test_replacing_the_network_replaces_what_stands_in_it(self, rig: Rig, up: EngineStack) -> None:
        changed = rig.stack(cidr="10.9.0.0/16", subnets={"a": "10.9.0.0/24"})
        assert changed.preview()["replace"] >= 3
        changed.up()
        rig.assert_no_orphans()


class TestFailures:
    """Settings that do not work, one after the other on one stack."""

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"cidr": "10.0.0.0/8"}, "shop-vpc: cidrBlock: 10.0.0.0/8 must be between /16 and /28"),
            ({"cidr": "ten"}, "shop-vpc: cidrBlock: 'ten' is not a CIDR block"),
            (
                {"subnets": {"a": "10.0.0.0/24", "c": "10.0.0.0/25"}},
                "shop-subnet-.: create_subnet: InvalidSubnet.Conflict",
            ),
            ({"subnets": ["a"]}, "'list' object has no attribute 'items'"),
        ],
    )
    def test_a_failure_names_the_resource_and_the_reason_and_shows_no_trace(
        self, rig: Rig, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ProgramFailed, match=message) as caught:
            rig.stack(**changes).up()
        assert "Traceback" not in str(caught.value)
        assert len(str(caught.value).splitlines()) <= 2


class TestAnEmptyAccount:
    """Each with one of its own."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        with open_rig(tmp_path, secrets=False) as opened:
            yield opened

    def test_after_a_failure_the_mended_settings_go_on(self, rig: Rig) -> None:
        with pytest.raises(ProgramFailed):
            rig.stack(subnets={"a": "10.0.0.0/24", "c": "10.1.0.0/24"}).up()
        stack = rig.stack()
        stack.up()
        rig.assert_no_orphans()

    def test_a_protected_resource_is_not_deleted_by_up(self, rig: Rig) -> None:
        stack = rig.stack(protect=True, extra=True)
        stack.up()
        with pytest.raises(ProgramFailed, match=r"extra: resource .* is protected"):
            rig.stack(protect=True).up()
        rig.assert_no_orphans()

    @pytest.mark.parametrize("by_settings", [True, False])
    def test_destroy_gets_past_protection_by_settings_or_in_the_state(self, rig: Rig, by_settings: bool) -> None:
        stack = rig.stack(protect=True)
        stack.up()
        assert any(resource.protect for resource in rig.saved())
        stack.destroy(unlocked=without_protection(settings_for(rig.root, protect=True)) if by_settings else None)
        assert not rig.cloud.live


class TestSurroundings:
    """Other runs in this process, and the machine's settings."""

    def test_in_process_runs_work_before_and_after_the_engine_in_one_process(self, rig: Rig) -> None:
        stack = rig.stack()
        first = run(project_program(rig.root), settings_for(rig.root), rig.cloud)
        stack.up()
        second = run(project_program(rig.root), settings_for(rig.root), rig.cloud)
        assert len(first) == RESOURCES
        assert sorted(r.urn for r in first) == sorted(r.urn for r in second)
        rig.assert_no_orphans()

    def test_a_proxy_in_the_environment_is_not_asked_for_what_is_on_loopback(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        stack = rig.stack()
        stack.destroy()
        assert stack.up()["create"] == RESOURCES + 1
        rig.assert_no_orphans()
