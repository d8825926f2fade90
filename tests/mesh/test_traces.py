"""Traces at the gateway, once a tenant needs them, on a real Envoy that a real control plane configures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.systems.eco2 import mesh, needs, tracing
from tests.mesh import eco2, rig
from tests.mesh.client import Answer
from tests.mesh.eco2_cases import HOST, MY
from tests.mesh.manifests import Manifest
from tests.mesh.processes import wait_until
from tests.mesh.rig import Edge, Workload
from tests.mesh.tokens import user
from tests.systems.eco2_objects import context, manifests
from tests.systems.needy import NEEDY

pytestmark = pytest.mark.verify

COLLECTOR = Workload(name=tracing.NAME, namespace=tracing.NAMESPACE, port=tracing.OTLP)
SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": tracing.NAME, "namespace": tracing.NAMESPACE},
    "spec": {
        "clusterIP": "10.96.77.77",
        "selector": {"app.kubernetes.io/name": tracing.NAME},
        "ports": [{"name": "otlp", "port": tracing.OTLP, "appProtocol": "grpc"}],
    },
}
"""As the collector's chart makes it."""

PARENT, FOREIGN = "00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-01")
REQUESTS = 400


def traced(*kinds: str) -> list[Manifest]:
    """What the cluster renders for the gateway, but for how much it samples: a tenth, which is sooner counted."""
    found = [one for one in manifests(needs.build_needs, context(NEEDY)) if one["kind"] in kinds]
    for one in found:
        if one["kind"] == "Telemetry":
            one["spec"]["tracing"][0]["randomSamplingPercentage"] = 10
    return found


@contextmanager
def standing(objects: Sequence[Manifest], behind: rig.Backends, folder: Path, *more: Manifest) -> Iterator[Edge]:
    configuration = {
        **eco2.mesh_configuration(objects),
        **{key: mesh.mesh_configuration([NEEDY])[key] for key in ("extensionProviders", "accessLogFormat")},
    }
    with Edge(behind, eco2.gateway(objects), [*objects, SERVICE, *more], configuration, folder) as edge:
        edge.wait_for(MY, [("authorization", f"Bearer {user('warm-up')}")], host=HOST)
        yield edge


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Backends]:
    with rig.backends(tmp_path_factory.mktemp("behind"), [*eco2.WORKLOADS, COLLECTOR], eco2.AUTHORIZER) as found:
        yield found


@pytest.fixture(scope="module")
def edge(
    eco2_objects: list[Manifest], behind: rig.Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    with standing(eco2_objects, behind, tmp_path_factory.mktemp("edge"), *traced("Telemetry", "EnvoyFilter")) as found:
        yield found


def ask(edge: Edge, *headers: tuple[str, str], client: str = rig.CLIENT) -> Answer:
    answer = edge.send("GET", MY, [("authorization", f"Bearer {user('somebody')}"), *headers], host=HOST, client=client)
    assert answer.status == 200
    return answer


def test_the_proxy_takes_it_and_nobody_warns(edge: Edge) -> None:
    assert edge.problems() == []


def test_each_request_goes_on_with_a_trace_of_which_a_tenth_is_kept(edge: Edge) -> None:
    """10 percent, give or take five standard deviations (one run in a million is further away)."""
    sent = edge.stat("tracing.opentelemetry.spans_sent")
    parents = [value for _ in range(REQUESTS) for value in ask(edge).values("traceparent")]
    assert len(parents) == REQUESTS
    kept = sum(SAMPLED.fullmatch(value) is not None for value in parents)
    assert abs(kept - REQUESTS / 10) <= 5 * math.sqrt(REQUESTS * 0.1 * 0.9)
    wait_until(lambda: edge.stat("tracing.opentelemetry.spans_sent") >= sent + kept, "spans to be sent")


def test_the_access_log_is_still_written_and_names_the_trace(edge: Edge) -> None:
    """A Telemetry of one workload takes nothing from the mesh's own, which says what is logged."""
    (parent,) = ask(edge, client="203.0.113.77").values("traceparent")
    line = json.loads(edge.access_log("203.0.113.77"))
    assert line["trace_id"] == parent.split("-")[1]
    assert line["path"] == MY


def test_a_client_names_its_trace_and_does_not_decide_that_it_is_kept(edge: Edge) -> None:
    """Or anybody could have all of their requests kept."""
    begun = ("traceparent", f"00-{FOREIGN}-{PARENT}-01")
    parents = [value for _ in range(REQUESTS) for value in ask(edge, begun).values("traceparent")]
    assert {value.split("-")[1] for value in parents} == {FOREIGN}
    assert PARENT not in "".join(parents)
    kept = sum(SAMPLED.fullmatch(value) is not None for value in parents)
    assert abs(kept - REQUESTS / 10) <= 5 * math.sqrt(REQUESTS * 0.1 * 0.9)


def kept(edge: Edge, *headers: tuple[str, str]) -> int:
    """Of a hundred such requests."""
    parents = [value for _ in range(100) for value in ask(edge, *headers).values("traceparent")]
    return sum(SAMPLED.fullmatch(value) is not None for value in parents)


DECISIONS = [
    ("x-envoy-force-trace", "1"),
    ("x-client-trace-id", "1"),
    ("X-Client-Trace-Id", "1"),
    # Envoy's own way to tell the next proxy: sampled, forced, asked for by a client.
    *(("x-request-id", f"7a1d2f6e-93b4-{reason}c5a-8d1e-0f2b3c4d5e6f") for reason in "9ab"),
]


@pytest.mark.parametrize("header", DECISIONS, ids=lambda header: f"{header[0]} {header[1]}")
def test_no_header_of_envoys_decides_it_either(edge: Edge, header: tuple[str, str]) -> None:
    assert kept(edge, header) <= 30


def test_without_the_filter_a_header_decides_it(
    eco2_objects: list[Manifest], behind: rig.Backends, tmp_path: Path
) -> None:
    with standing(eco2_objects, behind, tmp_path, *traced("Telemetry")) as open_to_all:
        assert kept(open_to_all, ("x-client-trace-id", "1")) == 100


def test_without_the_telemetry_there_is_no_trace(
    eco2_objects: list[Manifest], behind: rig.Backends, tmp_path: Path
) -> None:
    with standing(eco2_objects, behind, tmp_path) as untraced:
        assert ask(untraced).values("traceparent") == []
