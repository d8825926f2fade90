"""The SDK's connections to an engine on this machine."""

from __future__ import annotations

import time
from concurrent import futures

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc
from pulumi.runtime.settings import Settings

from rehearsal.engine.loopback import loopback_channels


class _Engine(engine_pb2_grpc.EngineServicer):
    def Log(self, request: engine_pb2.LogRequest, context: object) -> empty_pb2.Empty:  # noqa: N802 - the RPC's name
        return empty_pb2.Empty()


def _start(port: int = 0) -> tuple[grpc.Server, int]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    engine_pb2_grpc.add_EngineServicer_to_server(_Engine(), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


def _say(settings: Settings) -> None:
    assert settings.engine is not None
    settings.engine.Log(engine_pb2.LogRequest(message="there"))


def test_an_engine_on_the_port_of_a_dead_one_is_reached() -> None:
    with loopback_channels():
        server, port = _start()
        first = Settings(project="shop", stack="test", engine=f"127.0.0.1:{port}")
        _say(first)
        server.stop(0).wait()
        for pause in (0, 1.5):  # the second refusal is remembered for a second or more
            time.sleep(pause)
            with pytest.raises(grpc.RpcError):
                _say(first)
        server, _ = _start(port)
        try:
            _say(Settings(project="shop", stack="test", engine=f"127.0.0.1:{port}"))
        finally:
            server.stop(0).wait()


def test_a_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    server, port = _start()
    try:
        with loopback_channels():
            _say(Settings(project="shop", stack="test", engine=f"127.0.0.1:{port}"))
    finally:
        server.stop(0).wait()
