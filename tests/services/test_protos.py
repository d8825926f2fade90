"""The Auth Service's protos: what REST they promise, what is generated from them, and that events stay readable."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tests.tools import missing, required_command
from tools import protoc

REST = {
    "CreateUser": ("/auth/users", "*"),
    "Login": ("/auth/login", "*"),
    "ValidateToken": ("/auth/token/validate", "*"),
    "ConnectPlatformAccount": ("/auth/platforms/{platform}/accounts", "*"),
}


def described() -> FileDescriptorProto:
    files = FileDescriptorSet.FromString(protoc.DESCRIPTOR.read_bytes()).file
    (found,) = [one for one in files if one.package == "immersiverse.auth.v1"]
    return found


def test_every_method_is_a_post_below_auth() -> None:
    (service,) = described().service
    rules = {method.name: method.options.Extensions[annotations_pb2.http] for method in service.method}
    assert {name: (rule.post, rule.body) for name, rule in rules.items()} == REST


def test_no_method_streams() -> None:
    """The transcoder would pass a stream on as a JSON array that ends when the call does: none is promised."""
    (service,) = described().service
    assert not any(method.client_streaming or method.server_streaming for method in service.method)


def test_events_are_no_part_of_what_the_gateway_is_told() -> None:
    names = [one.name for one in FileDescriptorSet.FromString(protoc.DESCRIPTOR.read_bytes()).file]
    assert "immersiverse/auth/v1/events.proto" not in names


@pytest.mark.verify
def test_what_is_generated_is_what_the_tools_make(tmp_path: Path) -> None:
    if protoc.find_protoc() is None:
        missing("protoc is not installed: `python -m tools.protoc install` does it")
    required_command("go")
    protoc.describe(tmp_path / "auth.binpb")
    protoc.generate_go(tmp_path / "go")
    again = "; `python -m tools.protoc` writes it again"
    assert (tmp_path / "auth.binpb").read_bytes() == protoc.DESCRIPTOR.read_bytes(), f"the descriptor set{again}"
    made = {path.name: path.read_text() for path in (tmp_path / "go").iterdir()}
    assert made == {path.name: path.read_text() for path in protoc.GO.iterdir()}, f"the Go code{again}"
