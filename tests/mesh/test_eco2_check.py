"""What eco2's gateway shows to ext-authz of a request: the documented headers, and no others."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from infra.systems.eco2.document import CHECKED_HEADERS
from infra.systems.eco2.mesh import CHECK_PATH
from tests.mesh import eco2
from tests.mesh.eco2_cases import HOST
from tests.mesh.manifests import Manifest, named, without
from tests.mesh.rig import Backends, Edge

pytestmark = pytest.mark.verify


class Recorder(grpc.GenericRpcHandler):  # type: ignore[misc]
    """An authorizer that keeps what it is asked, byte by byte, and allows everything: an empty answer has the status OK."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        assert call.method == CHECK_PATH

        def answer(request: bytes, _: grpc.ServicerContext) -> bytes:
            self.asked.append(request)
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture(scope="module")
def recorder(eco2_backends: Backends) -> Iterator[Recorder]:
    """In ext-authz's place."""
    found, server = Recorder(), grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((found,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with eco2_backends.switches["check"].pointed_at(("127.0.0.1", port)):
        yield found
    server.stop(None)


def asked(objects: list[Manifest], backends: Backends, recorder: Recorder, folder: Path) -> bytes:
    """The check of one request that has every kind of header."""
    mesh = eco2.mesh_configuration(objects)
    sent = [
        ("authorization", "Bearer shown-1"), ("x-refresh-token", "shown-2"), ("x-other", "hidden-1"),
        ("cookie", "session=hidden-2"), ("x-user-id", "hidden-3"),
    ]  # fmt: skip
    with Edge(backends, eco2.gateway(objects), objects, mesh, folder) as edge:
        recorder.asked.clear()
        assert edge.send("POST", "/api/v1/my/profile?q=1", sent, b"hidden-4", host=HOST).status == 200
    (found,) = recorder.asked
    return found


def test_the_check_has_the_documented_headers_and_no_others(
    eco2_objects: list[Manifest], eco2_backends: Backends, recorder: Recorder, tmp_path: Path
) -> None:
    found = asked(eco2_objects, eco2_backends, recorder, tmp_path)
    assert [name for name in CHECKED_HEADERS if name.encode() not in found] == []
    assert all(value in found for value in (b"shown-1", b"shown-2", b"POST", b"/api/v1/my/profile", HOST.encode()))
    assert b"hidden" not in found


def test_without_its_filter_the_check_has_them_all(
    eco2_objects: list[Manifest], eco2_backends: Backends, recorder: Recorder, tmp_path: Path
) -> None:
    objects = without(eco2_objects, "EnvoyFilter", "ext-authz-headers")
    assert b"hidden-1" in asked(objects, eco2_backends, recorder, tmp_path)


def test_a_misspelled_field_of_the_filter_which_istio_drops_silently_is_noticed(
    eco2_objects: list[Manifest], eco2_backends: Backends, recorder: Recorder, tmp_path: Path
) -> None:
    objects = copy.deepcopy(eco2_objects)
    config = named(objects, "EnvoyFilter", "ext-authz-headers")["spec"]["configPatches"][0]["patch"]["value"][
        "typed_config"
    ]
    config["allow_headers"] = config.pop("allowed_headers")
    assert b"hidden-1" in asked(objects, eco2_backends, recorder, tmp_path)
