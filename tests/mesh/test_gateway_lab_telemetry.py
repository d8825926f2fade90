"""What becomes of a request to the gateway lab afterwards: its trace, and its line in the log, at the stores' doors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.systems.eco2 import mesh, tracing
from infra.systems.eco2.needs import logs
from tests.mesh import eco2, gateway_lab, rig, tenants
from tests.mesh.client import Answer
from tests.mesh.gateway_lab import HOST, WORKLOADS, somebody
from tests.mesh.gateway_lab_cases import ORDERS
from tests.mesh.manifests import Manifest
from tests.mesh.processes import wait_until
from tests.mesh.rig import Edge
from tests.mesh.telemetry import Line, Span, Stores, collector, configuration, stores

pytestmark = pytest.mark.verify
COLLECTOR = rig.Workload(name=tracing.NAME, namespace=tracing.NAMESPACE, port=tracing.OTLP)
CLIENT = "203.0.113.91"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return gateway_lab.objects(tmp_path_factory)


@pytest.fixture(scope="module")
def kept() -> Iterator[Stores]:
    with stores() as found:
        yield found


@pytest.fixture(scope="module")
def edge(objects: list[Manifest], kept: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """The lab's gateway with the cluster's collector behind it."""
    collecting = configuration(objects, "otel-collector")
    changed = {"tempo.tempo.svc:4317": kept.traces_at}
    programs = {tracing.NAME: lambda folder, stack: collector(folder, stack, tracing.NAME, collecting, changed)}
    workloads, limits = [*WORKLOADS, COLLECTOR], tenants.limits(objects)
    with (
        rig.backends(tmp_path_factory.mktemp("behind"), workloads, eco2.AUTHORIZER, limits, programs) as behind,
        tenants.edge(objects, behind, tmp_path_factory.mktemp("edge")) as standing,
    ):
        standing.wait_for(ORDERS, [("authorization", f"Bearer {somebody()}")], host=HOST)
        yield standing


@pytest.fixture(scope="module")
def answer(edge: Edge) -> Answer:
    """To one request, with a query."""
    found = edge.send("GET", f"{ORDERS}?page=2", [("authorization", f"Bearer {somebody()}")], host=HOST, client=CLIENT)
    assert found.status == 200
    return found


def test_a_request_through_the_gateway_is_one_trace(edge: Edge, answer: Answer, kept: Stores) -> None:
    """ "분산 추적 데이터 수집": the gateway's spans in the store, and the service is told to go on with the last of them."""
    (told,) = answer.values("traceparent")
    _, trace, parent, sampled = told.split("-")

    def spans() -> dict[str, Span]:
        return {one.id: one for one in kept.spans if one.trace == trace}

    def is_whole() -> bool:
        """A span is sent when it ends, so the first comes last."""
        found = spans()
        return parent in found and all(one.parent in {"", *found} for one in found.values())

    wait_until(is_whole, f"trace {trace} to be in the store, with the span {parent} that the service is told of")
    assert sampled == "01"
    assert [one.parent for one in spans().values()].count("") == 1
    assert spans()[parent].attributes["upstream_cluster.name"].startswith("outbound|3003||order-service.gateway-lab.")
    assert json.loads(edge.access_log(CLIENT))["trace_id"] == trace


def test_no_query_of_a_request_is_kept(answer: Answer, kept: Stores) -> None:
    """It may hold what only its receiver should know."""
    trace = answer.values("traceparent")[0].split("-")[1]
    wait_until(lambda: any(one.trace == trace for one in kept.spans), "the trace")
    assert "page=2" not in str([one for one in kept.spans if one.trace == trace])


def as_a_node_keeps_it(folder: Path, pod: str, container: str, line: str) -> None:
    """As containerd writes what a container wrote: time, stream, whether the line is whole."""
    written = folder / pod / container / "0.log"
    written.parent.mkdir(parents=True)
    written.write_text(f"2026-11-29T06:00:00.123456789Z stdout F {line}\n")


@pytest.fixture(scope="module")
def shipped(
    edge: Edge,
    answer: Answer,
    objects: list[Manifest],
    kept: Stores,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stores]:
    """With the pods' folder of a node: the gateway's, a service's, and another system's, which is not for the lab's log."""
    node, places = tmp_path_factory.mktemp("pods"), tmp_path_factory.mktemp("places")
    gateway = f"{mesh.ROOT}_{mesh.GATEWAY}-7d9f-abcde_0b1c"
    as_a_node_keeps_it(node, gateway, "istio-proxy", edge.access_log(CLIENT))
    as_a_node_keeps_it(node, "gateway-lab_order-service-5c8-fghij_1d2e", "service", "not JSON at all")
    as_a_node_keeps_it(node, "my_my-api-66b-klmno_3f4a", "service", "nobody asked for this")
    changed = {"http://loki.loki.svc:3100": kept.logs_at, logs.POD_LOGS: str(node), logs.PLACES: str(places)}
    with ExitStack() as stack:
        collector(places, stack, logs.SHIPPER, configuration(objects, logs.SHIPPER), changed)
        wait_until(lambda: len(kept.lines) >= 2, "both lines to be in the store")
        yield kept


class TestLogs:
    """ "로그 분석": what the gateway writes of a request gets to Loki by the shipper's own configuration."""

    @staticmethod
    def line(shipped: Stores, pod: str) -> Line:
        (found,) = [one for one in shipped.lines if one.resource["k8s.pod.name"].startswith(pod)]
        return found

    def test_a_line_of_the_access_log_is_searched_by_its_fields(self, shipped: Stores, answer: Answer) -> None:
        line = self.line(shipped, mesh.GATEWAY)
        assert json.loads(line.body)["path"] == ORDERS
        told = {name: line.attributes[name] for name in ("method", "path", "status", "host", "client")}
        assert told == {"method": "GET", "path": ORDERS, "status": "200", "host": HOST, "client": CLIENT}

    def test_it_leads_to_its_trace(self, shipped: Stores, answer: Answer) -> None:
        assert self.line(shipped, mesh.GATEWAY).trace == answer.values("traceparent")[0].split("-")[1]

    def test_it_names_its_pod(self, shipped: Stores) -> None:
        of = self.line(shipped, "order-service").resource
        assert (of["k8s.namespace.name"], of["k8s.container.name"]) == ("gateway-lab", "service")

    def test_a_line_that_is_no_json_is_kept_as_it_is(self, shipped: Stores) -> None:
        assert self.line(shipped, "order-service").body == "not JSON at all"

    def test_who_did_not_ask_is_not_read(self, shipped: Stores) -> None:
        assert {one.resource["k8s.namespace.name"] for one in shipped.lines} == {"gateway-lab", mesh.ROOT}
