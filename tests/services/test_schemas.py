"""Events stay readable: buf's verdict on changes that keep, and on changes that break, whoever reads them (§3.1)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from tests.tools import missing, required_command, required_tool
from tools import protoc, schemas

pytestmark = pytest.mark.verify
AGAIN = "`python -m tools.schemas record` writes it, unless it breaks who reads it"


@pytest.fixture(autouse=True)
def programs() -> None:
    required_tool("buf")
    if protoc.find_protoc() is None:
        missing("protoc is not installed: `python -m tools.protoc install` does it")


@pytest.fixture
def now(tmp_path: Path) -> Path:
    protoc.describe_all(tmp_path / "now.binpb")
    return tmp_path / "now.binpb"


def test_what_is_recorded_is_what_there_is(now: Path) -> None:
    assert schemas.broken(now, schemas.RECORDED) == []
    assert now.read_bytes() == schemas.RECORDED.read_bytes(), AGAIN


def created(events: FileDescriptorProto) -> FieldDescriptorProto:
    """`display_name` of UserCreated."""
    (message,) = [one for one in events.message_type if one.name == "UserCreated"]
    (field,) = [one for one in message.field if one.name == "display_name"]
    return field


def _with_another(events: FileDescriptorProto) -> None:
    text, optional = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.LABEL_OPTIONAL
    events.message_type[0].field.add(name="country", json_name="country", number=15, type=text, label=optional)


def _without(events: FileDescriptorProto) -> None:
    events.message_type[0].field.remove(created(events))


def _renamed(events: FileDescriptorProto) -> None:
    created(events).name = "nickname"


def _renumbered(events: FileDescriptorProto) -> None:
    created(events).number = 15


def _retyped(events: FileDescriptorProto) -> None:
    created(events).type = FieldDescriptorProto.TYPE_INT64


def _repeated(events: FileDescriptorProto) -> None:
    created(events).label = FieldDescriptorProto.LABEL_REPEATED


def _gone(events: FileDescriptorProto) -> None:
    del events.message_type[0]


def _more(events: FileDescriptorProto) -> None:
    events.message_type.add(name="UserRenamed")


KEEPS: list[Callable[[FileDescriptorProto], None]] = [_with_another, _more]
BREAKS: dict[Callable[[FileDescriptorProto], None], str] = {
    _without: "was deleted",
    _renamed: "changed name",
    _renumbered: "was deleted",
    _retyped: 'changed type from "string" to "int64"',
    _repeated: "cardinality",
    _gone: 'message "UserCreated" was deleted',
}


def changed(now: Path, change: Callable[[FileDescriptorProto], None]) -> Path:
    described = FileDescriptorSet.FromString(now.read_bytes())
    (events,) = [one for one in described.file if one.name.endswith("/events.proto")]
    change(events)
    target = now.with_name("changed.binpb")
    target.write_bytes(described.SerializeToString())
    return target


@pytest.mark.parametrize("change", KEEPS, ids=lambda one: one.__name__)
def test_what_keeps_it_readable_passes(now: Path, change: Callable[[FileDescriptorProto], None]) -> None:
    assert schemas.broken(changed(now, change), now) == []


@pytest.mark.parametrize("change", BREAKS, ids=lambda one: one.__name__)
def test_what_breaks_it_is_named(now: Path, change: Callable[[FileDescriptorProto], None]) -> None:
    found = schemas.broken(changed(now, change), now)
    assert any(BREAKS[change] in line and "events.proto" in line for line in found), found


def test_it_is_compared_with_a_commit(tmp_path: Path) -> None:
    """As a pull request's is with what it is merged into: also when what was recorded is changed with it."""
    git = required_command("git")

    def run(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run([git, *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    run("init")
    run("commit", "--allow-empty", "-m", "nothing yet")
    place = tmp_path / protoc.PROTOS.relative_to(schemas.ROOT)
    shutil.copytree(protoc.PROTOS, place)
    assert schemas.broken_since("HEAD", tmp_path) == []
    run("add", "-A")
    run("commit", "-m", "as it is")
    events = place / "immersiverse/auth/v1/events.proto"
    text = events.read_text()
    events.write_text(text.replace("string display_name = 4;", "string display_name = 4;\n  string country = 5;"))
    assert schemas.broken_since("HEAD", tmp_path) == []
    events.write_text(text.replace("string display_name = 4;", "string nickname = 4;"))
    assert any(
        'changed name from "display_name" to "nickname"' in one for one in schemas.broken_since("HEAD", tmp_path)
    )


def test_nothing_is_recorded_that_breaks(monkeypatch: pytest.MonkeyPatch, now: Path) -> None:
    before = changed(now, _with_another)
    monkeypatch.setattr(schemas, "RECORDED", before)
    kept = before.read_bytes()
    assert any("was deleted" in line for line in schemas.record())
    assert before.read_bytes() == kept
