"""Where spans and lines end on the rig: OpenTelemetry's collector, as it is rendered, and receivers in the stores' place.

What the rig changes of a rendered configuration, because a laptop is no cluster: where the stores are, and which folders are read.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from tests.mesh import servers
from tests.mesh.manifests import Manifest, named
from tests.mesh.processes import Program
from tests.mesh.servers import Server
from tests.ports import free_port
from tests.tools import required_tool

HEALTH, METRICS, OTLP = 13133, 8888, 4317


@dataclass(frozen=True)
class Span:
    """As its store would keep it; identifiers in hexadecimal."""

    trace: str
    id: str
    parent: str
    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Line:
    """A line of a log, as its store would keep it."""

    body: str
    trace: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]


@dataclass
class Stores:
    """Tempo (OTLP over gRPC) and Loki (OTLP over HTTP) as far as a collector sees them: all that came is kept."""

    spans: list[Span] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    traces_at: str = ""
    logs_at: str = ""

    def take_spans(self, request: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(request).resource_spans:
            self.spans += [
                Span(one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex(), one.name, _texts(one.attributes))
                for scope in resource.scope_spans
                for one in scope.spans
            ]

    def take_lines(self, request: bytes) -> None:
        for resource in ExportLogsServiceRequest.FromString(request).resource_logs:
            of = _texts(resource.resource.attributes)
            self.lines += [
                Line(one.body.string_value, one.trace_id.hex(), _texts(one.attributes), of)
                for scope in resource.scope_logs
                for one in scope.log_records
            ]


def _texts(attributes: Sequence[KeyValue]) -> dict[str, str]:
    return {one.key: _text(getattr(one.value, one.value.WhichOneof("value") or "string_value")) for one in attributes}


def _text(value: object) -> str:
    """As the stores write it: a number of JSON's, which has no integers, without its `.0`."""
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


class _Tempo(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if call.method != "/opentelemetry.proto.collector.trace.v1.TraceService/Export":
            return None

        def answer(request: bytes, _: grpc.ServicerContext) -> bytes:
            self._stores.take_spans(request)
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def stores() -> Iterator[Stores]:
    """Both, on loopback, until the end of the block."""
    kept = Stores()

    class Loki(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Loki's own path for lines by OTLP; everything else is not found."""
            body = self.rfile.read(int(self.headers["content-length"]))
            known = self.path == "/otlp/v1/logs"
            if known:
                kept.take_lines(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
            self.send_response(200 if known else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Not into the tests' output."""

    tempo = grpc.server(ThreadPoolExecutor(2), handlers=[_Tempo(kept)])
    kept.traces_at = f"127.0.0.1:{tempo.add_insecure_port('127.0.0.1:0')}"
    tempo.start()
    loki = ThreadingHTTPServer(("127.0.0.1", 0), Loki)
    kept.logs_at = f"http://127.0.0.1:{loki.server_port}"
    threading.Thread(target=loki.serve_forever, daemon=True).start()
    try:
        yield kept
    finally:
        loki.shutdown()
        loki.server_close()
        tempo.stop(None)


def configuration(objects: Sequence[Manifest], release: str) -> Manifest:
    """What the chart writes for that release of the collector, as its Application's values have it."""
    values = named(objects, "Application", release)["spec"]["source"]["helm"]["valuesObject"]
    return dict(values["alternateConfig"])


def collector(folder: Path, stack: ExitStack, name: str, configuration: Manifest, changed: Mapping[str, str]) -> Server:
    """The program with that configuration, in which each text of `changed` stands for another, and its ports for free ones."""
    health, metrics, otlp = free_port(), free_port(), free_port()
    text = json.dumps(configuration)
    ports = {f":{HEALTH}": f":{health}", f'"port": {METRICS}': f'"port": {metrics}'}
    for rendered, here in {**ports, **changed}.items():
        if rendered not in text:
            raise LookupError(f"{name}: its configuration does not say {rendered}")
        text = text.replace(rendered, here)
    file = folder / f"{name}.json"
    file.write_text(text.replace(f"MY_POD_IP}}:{OTLP}", f"MY_POD_IP}}:{otlp}"))
    program = Program(
        [required_tool("collector"), "--config", f"file:{file}"],
        folder / f"{name}.log",
        environment={"MY_POD_IP": "127.0.0.1"},
    )
    stack.callback(program.stop)

    def ready() -> bool:
        return servers.get(f"http://127.0.0.1:{health}/") is not None

    program.wait(ready)
    return Server(name=name, program=program, port=otlp, ready=ready)
