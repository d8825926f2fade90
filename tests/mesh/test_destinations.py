"""What `components/mesh/destinations.py` promises, on a real Envoy: how much at a time, which pods, what becomes of failing ones.

A service of two pods that is made up for it, beside eco2's mesh; each test has it called otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from infra.components.mesh.authorization import AllowArgs, Anyone, allow
from infra.components.mesh.destinations import ZONES, Budget, DestinationArgs, Outliers, Pool, Sticky, destination
from infra.components.mesh.gateway import GatewayArgs, Server, gateway
from infra.components.mesh.objects import Place
from infra.components.mesh.routes import NO_RETRIES, Retries, Route, RoutesArgs, routes
from infra.systems.eco2.mesh import GATEWAY_CONTAINER_PORT, GATEWAY_LABELS
from tests.mesh import eco2, rig
from tests.mesh.manifests import Manifest
from tests.mesh.processes import wait_until
from tests.mesh.rig import EVERY_POD, Edge, Workload

pytestmark = pytest.mark.verify

HOST, HOME, SERVICE = "pods.eco2.example.com", "pods", "pods-api"
NEAR, FAR = "pod-near", "pod-far"
PODS = [
    Workload(name=name, namespace=HOME, port=8000, service=SERVICE, labels={"istio-locality": locality})
    for name, locality in ((NEAR, "here.a"), (FAR, "here.b"))
]
ROUTE = Route(prefix="/pods", host=f"{SERVICE}.{HOME}.svc.cluster.local", port=8000, timeout="5s", retries=NO_RETRIES)
# Without its own word Istio prefers the nearest pod, once failing ones are ejected.
ANYWHERE = ("kubernetes.io/os",)
CALLED = DestinationArgs(
    place=Place(name=SERVICE, namespace=HOME),
    host=ROUTE.host,
    replicas=2,
    outliers=Outliers(consecutive_5xx=3, interval="1s", base_ejection="2s"),
    nearest=ANYWHERE,
)


def made(kind: str, name: str, namespace: str, spec: Mapping[str, Any]) -> Manifest:
    group = {"AuthorizationPolicy": "security.istio.io/v1", "Service": "v1"}.get(kind, "networking.istio.io/v1")
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": dict(spec)}


def objects_with(eco2_objects: list[Manifest], called: DestinationArgs, route: Route = ROUTE) -> list[Manifest]:
    way_in = Place(name="pods-gateway", namespace="istio-system")
    server = Server(port=GATEWAY_CONTAINER_PORT, hosts=[f"{HOME}/{HOST}"])
    ports = [{"name": "http", "port": 8000, "protocol": "TCP", "appProtocol": "http"}]
    bound = RoutesArgs(place=called.place, hosts=[HOST], gateways=[way_in.reference], routes=[route])
    opened = AllowArgs(place=way_in, workload=GATEWAY_LABELS, callers=[Anyone(paths=["/pods"], hosts=[HOST])])
    return [
        *eco2_objects,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}},
        made("Service", SERVICE, HOME, {"selector": {"app": SERVICE}, "ports": ports}),
        made("Gateway", way_in.name, way_in.namespace,
             gateway(GatewayArgs(place=way_in, workload=GATEWAY_LABELS, servers=[server]))),
        made("VirtualService", "pods-vs", HOME, routes(bound)),
        made("DestinationRule", SERVICE, HOME, destination(called)),
        made("AuthorizationPolicy", "pods-edge", way_in.namespace, allow(opened)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def standing(eco2_objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    objects = objects_with(eco2_objects, CALLED)
    with (
        rig.backends(tmp_path_factory.mktemp("behind"), PODS, eco2.AUTHORIZER) as behind,
        Edge(
            behind, eco2.gateway(objects), objects, eco2.mesh_configuration(objects), tmp_path_factory.mktemp("edge")
        ) as edge,
    ):
        edge.wait_for("/pods", [], host=HOST)
        yield edge


@pytest.fixture
def edge(standing: Edge) -> Iterator[Edge]:
    """With both pods well, before and after."""
    yield standing
    for echo in standing.backends.echoes.values():
        echo.answers, echo.down = {}, False


@pytest.fixture
def called(edge: Edge, eco2_objects: list[Manifest]) -> Any:
    """Calls the service in another way from now on."""
    number = iter(range(1, 100))

    def change(args: DestinationArgs, route: Route = ROUTE) -> None:
        # What a gateway took is seen by a timeout that no other has.
        seconds = 5 + next(number)
        objects = objects_with(eco2_objects, args, replace(route, timeout=f"{seconds}s"))
        edge.become(objects, eco2.mesh_configuration(objects))
        told = [str(1000 * seconds)]
        wait_until(lambda: ask(edge).values("x-envoy-expected-rq-timeout-ms") == told, "the gateway to take it")

    return change


def ask(edge: Edge, *headers: tuple[str, str]) -> Any:
    return edge.send("GET", "/pods", headers, host=HOST)


def asked(edge: Edge, times: int = EVERY_POD) -> Counter[str]:
    """Who answered, or with which status nobody did."""
    answers = [ask(edge) for _ in range(times)]
    return Counter(answer.upstream or str(answer.status) for answer in answers)


def at_once(edge: Edge, number: int) -> Counter[int]:
    slow = ("x-test-answer", '{"delay": 0.7}')
    with ThreadPoolExecutor(number) as clients:
        return Counter(answer.status for answer in clients.map(lambda _: ask(edge, slow), range(number)))


def test_what_exceeds_the_pool_is_refused_at_once(edge: Edge, called: Any) -> None:
    called(replace(CALLED, pool=Pool(max_connections=1, max_pending=1, max_requests=2)))
    found = at_once(edge, 10)
    assert found[503] >= 10 - 4
    assert found[200] >= 1
    called(CALLED)
    assert at_once(edge, 10) == {200: 10}


def test_a_pod_that_fails_is_set_aside_and_comes_back(edge: Edge, called: Any) -> None:
    called(CALLED)
    assert set(asked(edge)) == {NEAR, FAR}
    edge.backends.echoes[NEAR].answers = {"status": 503, "body": ""}
    wait_until(lambda: set(asked(edge)) == {FAR}, "the failing pod to be set aside")
    edge.backends.echoes[NEAR].answers = {}
    wait_until(lambda: set(asked(edge)) == {NEAR, FAR}, "the pod to come back")


def test_without_a_second_pod_none_is_set_aside(edge: Edge, called: Any) -> None:
    called(replace(CALLED, replicas=1, nearest=()))
    edge.backends.echoes[NEAR].answers = {"status": 503, "body": ""}
    asked(edge)
    assert set(asked(edge)) == {FAR, "503"}


def test_when_all_fail_half_of_them_are_asked_on(edge: Edge, called: Any) -> None:
    called(CALLED)
    for echo in edge.backends.echoes.values():
        echo.answers = {"status": 503, "body": "out of order"}
    asked(edge, 30)
    before = sum(echo.requests for echo in edge.backends.echoes.values())
    assert {ask(edge).body for _ in range(10)} == {b"out of order"}
    assert sum(echo.requests for echo in edge.backends.echoes.values()) == before + 10


def test_the_nearest_pod_is_called_until_it_fails(edge: Edge, called: Any) -> None:
    called(replace(CALLED, nearest=ZONES))
    wait_until(lambda: set(asked(edge)) == {NEAR}, "the nearest alone")
    edge.backends.echoes[NEAR].answers = {"status": 503, "body": ""}
    wait_until(lambda: set(asked(edge)) == {FAR}, "the other zone to answer")
    edge.backends.echoes[NEAR].answers = {}
    wait_until(lambda: set(asked(edge)) == {NEAR}, "the nearest again")


def test_retries_have_a_budget(edge: Edge, called: Any) -> None:
    """Ten requests at once, each of which fails and may be tried twice more: all of it, or what the budget leaves."""
    again = replace(ROUTE, methods=["GET"], retries=Retries(attempts=2, on="5xx"))

    def tries() -> int:
        echoes = edge.backends.echoes.values()
        before = sum(echo.requests for echo in echoes)
        fails = ("x-test-answer", '{"status": 503, "delay": 0.3}')
        with ThreadPoolExecutor(10) as clients:
            assert {answer.status for answer in clients.map(lambda _: ask(edge, fails), range(10))} == {503}
        return sum(echo.requests for echo in echoes) - before

    patient = replace(CALLED, outliers=Outliers(consecutive_5xx=1000))
    called(patient, again)
    # The cluster may take its new policy later than the route did.
    wait_until(lambda: tries() == 30, "all to be tried again")
    called(replace(patient, budget=Budget(percent=10, minimum=1)), again)
    # The first of them may come before the others: a tenth of ten, or one, at any time.
    wait_until(lambda: tries() < 20, "the budget to hold")


def each_user(edge: Edge) -> list[set[str]]:
    """Which pods answered each of twenty users, five times."""
    return [{ask(edge, ("x-user", f"user-{user}")).upstream for _ in range(5)} for user in range(20)]


def test_who_has_a_header_or_a_cookie_stays_with_a_pod(edge: Edge, called: Any) -> None:
    called(replace(CALLED, sticky=Sticky(header="x-user")))
    # The cluster may take its new policy later than the route did.
    wait_until(lambda: {len(pods) for pods in each_user(edge)} == {1}, "each user to stay")
    assert set().union(*each_user(edge)) == {NEAR, FAR}
    called(replace(CALLED, sticky=Sticky(cookie="pod")))
    wait_until(lambda: "set-cookie" in ask(edge).headers, "the cookie")
    first = ask(edge)
    cookie = ("cookie", first.headers["set-cookie"].split(";")[0])
    assert {ask(edge, cookie).upstream for _ in range(10)} == {first.upstream}
