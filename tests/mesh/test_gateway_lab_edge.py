"""The gateway lab, tried: every line of gateway_lab_cases.py, what takes more than one request, and that protections are missed."""

from __future__ import annotations

import gzip
import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from infra.components.cluster.rollout import HASH_LABEL
from infra.components.mesh.filters.rate_limits import rules
from infra.settings.gateway_lab import Limits
from infra.systems.gateway_lab import edge as lab_edge
from infra.systems.gateway_lab.document import (
    CANARY,
    LOGIN,
    PER_HOUR,
    PER_MINUTE,
    SYSTEM,
    UNAVAILABLE_MESSAGE,
    USER,
    WEIGHTS,
)
from tests.mesh import eco2, gateway_lab, rig, servers, tenants
from tests.mesh.cache import Cache, Origin, caches, origin, rendered
from tests.mesh.cases import Case, judge
from tests.mesh.client import Answer, send
from tests.mesh.gateway_lab import HOST, WORKLOADS, somebody
from tests.mesh.gateway_lab_cases import CASES, MUTATIONS, ORDERS, PRODUCTS, USERS
from tests.mesh.manifests import Manifest, named
from tests.mesh.mutations import Mutation, notices, without_it
from tests.mesh.processes import wait_until
from tests.mesh.rig import EVERY_POD, Edge
from tests.mesh.upstreams import ANSWER

pytestmark = pytest.mark.verify
NOTES = "/api/v1/notifications"
PODS = ("notification-service-1", "notification-service-2")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return gateway_lab.objects(tmp_path_factory)


@pytest.fixture(scope="module")
def products() -> Iterator[Origin]:
    """The product service behind the cache."""
    with origin() as behind:
        yield behind


@pytest.fixture(scope="module")
def purged() -> list[Cache]:
    """Both of the cache's pods, once they run."""
    return []


@pytest.fixture(scope="module")
def edge(
    objects: list[Manifest], products: Origin, purged: list[Cache], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("behind")
    programs = caches(rendered(objects), products.port, purged.append)
    with rig.backends(folder, WORKLOADS, eco2.AUTHORIZER, _roomy(objects), programs) as behind:
        for one in WORKLOADS:
            # Which pod of a service answered is its own affair.
            if one.name in behind.echoes:
                behind.echoes[one.name].name = one.service
        with tenants.edge(objects, behind, tmp_path_factory.mktemp("edge")) as standing:
            standing.wait_for(PRODUCTS, bearer(), host=HOST)
            yield standing


def _roomy(objects: list[Manifest]) -> rig.Limits:
    """Users come once, but the cases' few keys often: those have another limit here, and the document's where it is tried."""
    limits = tenants.limits(objects)
    (rules_,) = limits.rules
    for one in rules_["descriptors"]:
        if one["value"].startswith("key-holder-"):
            one["descriptors"][0]["rate_limit"]["requests_per_unit"] = 10_000
    return limits


def bearer(*more: tuple[str, str]) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {somebody()}"), *more]


def with_key(edge: Edge, name: str) -> Answer:
    return edge.send("GET", ORDERS, [("x-api-key", gateway_lab.API_KEYS[name])], host=HOST)


def get(edge: Edge, target: str, *more: tuple[str, str]) -> Answer:
    return edge.send("GET", target, bearer(*more), host=HOST)


def post(edge: Edge, target: str, *more: tuple[str, str]) -> Answer:
    return edge.send("POST", target, bearer(*more), host=HOST)


def test_the_proxy_takes_everything_and_nobody_warns(edge: Edge) -> None:
    assert edge.problems() == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(edge: Edge, case: Case) -> None:
    if wrong := judge(edge, case):
        pytest.fail(wrong, pytrace=False)


def test_weights_are_the_documents(edge: Edge) -> None:
    """400 requests at 80 to 20, give or take five standard deviations: one run in 1.7 million is further away."""
    number, share = 400, WEIGHTS["v2"] / 100
    found = Counter(get(edge, USERS).upstream for _ in range(number))
    assert set(found) == {"user-service", "user-service-v2"}
    assert abs(found["user-service-v2"] - number * share) <= 5 * math.sqrt(number * share * (1 - share))


def shifted(objects: list[Manifest], _: Manifest) -> list[Manifest]:
    """As Argo Rollouts' controller writes while a new release of the user service has half of its share."""
    for subset in named(objects, "DestinationRule", USER)["spec"]["subsets"]:
        subset["labels"][HASH_LABEL] = {"stable": "1", "canary": "2"}[subset["name"]]
    for route in named(objects, "VirtualService", "gateway-lab-vs")["spec"]["http"]:
        if route["name"] == "user-service-reads":
            route["headers"] = {"response": {"set": {"x-shifted": "yes"}}}
            for to, weight in zip(route["route"], (40, 40, 20), strict=True):
                to["weight"] = weight
    return objects


def test_a_new_release_gets_its_part_of_the_first_ones_share(edge: Edge, objects: list[Manifest]) -> None:
    """Each pod by its release, and the second one's 20 as they were."""
    number, parts = 400, {f"{USER}-1": 0.4, f"{USER}-2": 0.4, f"{CANARY}-1": 0.1, f"{CANARY}-2": 0.1}
    with without_it(edge, objects, Mutation("shifted", shifted, "")):
        wait_until(lambda: "x-shifted" in get(edge, USERS).headers, "the new weights")
        before = {pod: edge.backends.echoes[pod].requests for pod in parts}
        for _ in range(number):
            assert get(edge, USERS).status == 200
        found = {pod: edge.backends.echoes[pod].requests - had for pod, had in before.items()}
    for pod, share in parts.items():
        assert abs(found[pod] - number * share) <= 5 * math.sqrt(number * share * (1 - share)), found


class TestLimits:
    """ "Rate Limiting 정책 적용 확인": five a minute in the rig's settings, the document's hundred on a cluster."""

    def test_a_consumer_gets_what_the_minute_has_and_is_told_when_to_come_again(self, edge: Edge) -> None:
        who = [("authorization", f"Bearer {somebody()}")]
        # All of one minute, as the limiter's clock cuts them.
        wait_until(lambda: time.time() % 60 < 55, "a minute with time left", patience=10)
        answers = [edge.send("GET", PRODUCTS, who, host=HOST) for _ in range(7)]
        assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers[:5]] == ["4", "3", "2", "1", "0"]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60

    def test_both_limits_hold_and_are_told(self, edge: Edge) -> None:
        windows = get(edge, PRODUCTS).headers["x-ratelimit-limit"]
        assert "5;w=60" in windows
        assert "50;w=3600" in windows

    def test_another_consumer_has_its_own(self, edge: Edge) -> None:
        assert get(edge, PRODUCTS).headers["x-ratelimit-remaining"] == "4"

    def test_passwords_are_not_tried_one_after_the_other(self, edge: Edge) -> None:
        wait_until(lambda: time.time() % 60 < 55, "a minute with time left", patience=10)
        statuses = [edge.send("POST", LOGIN, [], host=HOST, client="198.51.100.99").status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]


FORGET_THE_MINUTE = (
    """EVAL "for _, one in ipairs(redis.call('keys', '*consumer-minute*')) do redis.call('del', one) end return 1" 0"""
)


@pytest.fixture(scope="module")
def documented(objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Edge, int]]:
    """A gateway whose limiter has the document's numbers, and the port of the limiter's Redis."""
    settings: Any = SimpleNamespace(label="lab", limits=Limits(), api_keys={"warehouse": ...})
    counted = [one.limited for one in lab_edge.limits(settings)]
    limits = replace(tenants.limits(objects), rules=[rules(SYSTEM, counted)])
    with (
        rig.backends(tmp_path_factory.mktemp("behind"), WORKLOADS, eco2.AUTHORIZER, limits) as behind,
        tenants.edge(objects, behind, tmp_path_factory.mktemp("edge")) as standing,
    ):
        standing.wait_for(PRODUCTS, bearer(), host=HOST)
        yield standing, behind.counters.port


def test_the_hours_thousand_are_all_even_while_the_minute_has_room(documented: tuple[Edge, int]) -> None:
    """A thousand requests, counted by the limiter itself; between hundreds its counters of the minute are taken away, as the
    clock would. Of the thousand and first the hour alone can be the reason."""
    edge, counters = documented
    who = [("authorization", f"Bearer {somebody()}")]
    wait_until(lambda: time.time() % 3600 < 3500, "an hour with time left", patience=110)

    def ask() -> Answer:
        return edge.send("GET", PRODUCTS, who, host=HOST)

    for _ in range(PER_HOUR // PER_MINUTE):
        assert {ask().status for _ in range(PER_MINUTE)} == {200}
        assert servers.redis_answers(counters, FORGET_THE_MINUTE) == ":1"
    refused = ask()
    assert refused.status == 429
    assert f"{PER_HOUR};w=3600" in refused.headers["x-ratelimit-limit"]
    assert int(refused.headers["retry-after"]) <= 3600
    assert edge.send("GET", PRODUCTS, bearer(), host=HOST).status == 200


def test_a_key_holder_has_one_minute_for_all_its_keys(documented: tuple[Edge, int]) -> None:
    """Or who has two, while one is changed for the other, could ask twice as much; another consumer has its own."""
    edge, _ = documented
    wait_until(lambda: time.time() % 60 < 40, "a minute with time left", patience=25)
    for name in ("old", "new"):
        assert {with_key(edge, name).status for _ in range(PER_MINUTE // 2)} == {200}
    assert [with_key(edge, name).status for name in ("old", "new", "only")] == [429, 429, 200]


def test_no_page_of_the_gateway_shows_a_key(edge: Edge) -> None:
    """Who sees all of its configuration, its log and its counters has nothing that opens anything."""
    assert with_key(edge, "new").status == 200
    admin = f"http://{edge.listener[0]}:15000"
    shown = [servers.get(f"{admin}/{page}") or "" for page in ("config_dump", "stats", "clusters")]
    assert all(shown)
    assert [key for key in gateway_lab.API_KEYS.values() for text in (*shown, edge.envoy.text()) if key in text] == []


class TestFailover:
    """ "서비스 다운 시 자동 failover", "헬스체크 기반 자동 복구": of the notification service, which no other test lets fail."""

    @pytest.fixture(autouse=True)
    def _healthy(self, edge: Edge) -> Iterator[None]:
        yield
        edge.backends.recover()
        for pod in PODS:
            edge.backends.echoes[pod].answers = {}
        wait_until(lambda: all(self.reached(edge, 8)), "every pod to be called again", patience=30)

    @staticmethod
    def reached(edge: Edge, number: int) -> tuple[int, ...]:
        """How many of so many writes each pod gets: a write is sent once."""
        before = [edge.backends.echoes[pod].requests for pod in PODS]
        for _ in range(number):
            post(edge, NOTES)
        return tuple(edge.backends.echoes[pod].requests - had for pod, had in zip(PODS, before, strict=True))

    def test_a_failing_pod_is_set_aside_and_comes_back(self, edge: Edge) -> None:
        assert all(self.reached(edge, EVERY_POD))
        failing = edge.backends.echoes[PODS[0]]
        failing.answers = {"status": 500, "body": "out"}
        began, statuses = time.monotonic(), list[int]()
        while statuses.count(500) < 5 and len(statuses) < EVERY_POD:
            statuses.append(post(edge, NOTES).status)
        # Five errors in a row; the other pod's answers between them are not its own.
        assert statuses.count(500) == 5
        assert self.reached(edge, 10) == (0, 10)
        failing.answers = {}
        wait_until(lambda: self.reached(edge, 4)[0] > 0, "the pod to be called again", patience=10)
        # Three seconds aside: the rig's setting.
        assert time.monotonic() - began >= 3

    def test_a_pod_that_is_gone_is_seen_by_no_reader(self, edge: Edge) -> None:
        edge.backends.echoes[PODS[0]].down = True
        assert {get(edge, NOTES).status for _ in range(30)} == {200}

    def test_when_all_are_out_the_answer_says_so(self, edge: Edge) -> None:
        for pod in PODS:
            edge.backends.echoes[pod].down = True
        answer = post(edge, NOTES)
        assert (answer.status, answer.headers["content-type"]) == (503, "application/json; charset=utf-8")
        assert json.loads(answer.body)["error"] == UNAVAILABLE_MESSAGE


def test_the_circuit_breaker_answers_what_is_too_much_at_once(edge: Edge) -> None:
    """Eight requests at a time (the rig's setting), and eight that wait."""
    slow = (ANSWER, '{"delay": 0.5}')
    with ThreadPoolExecutor(30) as clients:
        answers = list(clients.map(lambda _: edge.send("POST", PRODUCTS, bearer(slow), host=HOST), range(30)))
    found = Counter(answer.status for answer in answers)
    # On a machine that is busy, what waits may wait too long.
    assert {200, 503} <= set(found) <= {200, 503, 504}
    assert found[200] <= 16
    assert get(edge, PRODUCTS).status == 200


def test_connections_to_services_are_kept(edge: Edge) -> None:
    """ "연결 풀링": a hundred clients' connections, and never more to a pod than the pool has."""
    name = "cluster.outbound|3003||order-service.gateway-lab.svc.cluster.local;.upstream_cx_total"
    get(edge, ORDERS)
    before = edge.stat(name)
    for _ in range(100):
        assert get(edge, ORDERS).status == 200
    assert edge.stat(name) - before <= 2


BODY = '{"products": [' + ", ".join(f'{{"id": {number}, "name": "a product"}}' for number in range(200)) + "]}"


class TestCompression:
    """ "압축 설정": in bytes."""

    @staticmethod
    def answer(edge: Edge, accepted: str, body: str = BODY, **headers: str) -> Answer:
        told = json.dumps({"body": body, "headers": headers})
        return get(edge, ORDERS, ("accept-encoding", accepted), (ANSWER, told))

    def test_gzip_saves_bandwidth(self, edge: Edge) -> None:
        answer = self.answer(edge, "gzip")
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(answer.body).decode() == BODY
        assert len(answer.body) < len(BODY) / 4
        assert "accept-encoding" in answer.headers["vary"].lower()

    def test_brotli_too(self, edge: Edge) -> None:
        answer = self.answer(edge, "br")
        assert answer.headers["content-encoding"] == "br"
        assert len(answer.body) < len(BODY) / 4

    def test_who_takes_none_gets_it_whole(self, edge: Edge) -> None:
        answer = self.answer(edge, "identity")
        assert ("content-encoding" in answer.headers, answer.body.decode()) == (False, BODY)

    @pytest.mark.parametrize(
        ("body", "headers"),
        [("{}", {}), (BODY, {"content-type": "image/png"}), (BODY, {"cache-control": "no-transform"})],
        ids=["too small", "an image", "not to be touched"],
    )
    def test_what_would_gain_nothing_stays(self, edge: Edge, body: str, headers: dict[str, str]) -> None:
        assert "content-encoding" not in self.answer(edge, "gzip", body, **headers).headers

    def test_other_systems_hosts_are_as_they_were(self, edge: Edge) -> None:
        sent = [("authorization", "Bearer " + gateway_lab.tokens()["eco2"]), ("accept-encoding", "gzip")]
        answer = edge.send(
            "GET", "/api/v1/my/x", [*sent, (ANSWER, json.dumps({"body": BODY}))], host="api.eco2.example.com"
        )
        assert (answer.status, "content-encoding" in answer.headers) == (200, False)


class TestCache:
    """ "캐싱 전략": Varnish between the gateway and the product service, counted there."""

    def test_everybodys_answer_is_asked_for_once_by_each_pod(self, edge: Edge, products: Origin) -> None:
        products.echo.answers = {"headers": {"cache-control": "public, max-age=300"}, "body": BODY}
        path, before = f"{PRODUCTS}/kept", products.echo.requests
        answers = [get(edge, path) for _ in range(EVERY_POD)]
        asked = products.echo.requests - before
        products.echo.answers = {}
        assert {(one.status, one.body.decode()) for one in answers} == {(200, BODY)}
        found = Counter(one.headers["x-cache"] for one in answers)
        assert (found["miss"], asked) == (len(PODS), len(PODS))
        assert found["hit"] == EVERY_POD - len(PODS)

    def test_what_is_kept_is_compressed_for_who_takes_it(self, edge: Edge, products: Origin) -> None:
        products.echo.answers = {"headers": {"cache-control": "public, max-age=300"}, "body": BODY}
        path = f"{PRODUCTS}/compressed"
        zipped, plain = (
            [get(edge, path, ("accept-encoding", one)) for _ in range(EVERY_POD)][-1] for one in ("gzip", "identity")
        )
        products.echo.answers = {}
        assert (gzip.decompress(zipped.body).decode(), plain.body.decode()) == (BODY, BODY)
        assert (zipped.headers["x-cache"], plain.headers["x-cache"]) == ("hit", "hit")

    def test_a_users_own_answer_is_asked_for_each_time(self, edge: Edge, products: Origin) -> None:
        before = products.echo.requests
        for _ in range(10):
            assert get(edge, f"{PRODUCTS}/own").values("x-lab-user-id") == ["1"]
        assert products.echo.requests - before == 10

    def test_a_hit_counts_against_the_consumers_minute(self, edge: Edge, products: Origin) -> None:
        products.echo.answers = {"headers": {"cache-control": "public, max-age=300"}}
        who = [("authorization", f"Bearer {somebody()}")]
        wait_until(lambda: time.time() % 60 < 50, "a minute with time left", patience=15)
        statuses = [edge.send("GET", f"{PRODUCTS}/counted", who, host=HOST).status for _ in range(6)]
        products.echo.answers = {}
        assert statuses == [200] * 5 + [429]

    def test_who_asks_for_a_purge_from_outside_purges_nothing(
        self, edge: Edge, products: Origin, purged: list[Cache]
    ) -> None:
        """By its method, by one that overrides it, or after it was let in; by the port for that it goes at once."""
        products.echo.answers = {"headers": {"cache-control": "public, max-age=300"}, "body": "old"}
        path = f"{PRODUCTS}/purged"
        for _ in range(EVERY_POD):
            get(edge, path)
        products.echo.answers = {"headers": {"cache-control": "public, max-age=300"}, "body": "new"}
        purge = edge.send("PURGE", path, bearer(), host=HOST)
        override = edge.send("POST", path, bearer(("x-http-method-override", "PURGE")), host=HOST)
        direct = [send(one.read, "PURGE", path, [("host", HOST)]).status for one in purged]
        assert (purge.status, override.status, direct) == (403, 200, [405, 405])
        assert {get(edge, path).body for _ in range(8)} == {b"old"}
        assert [send(one.purge, "PURGE", path, [("host", "purge")]).status for one in purged] == [200, 200]
        assert {get(edge, path).body for _ in range(8)} == {b"new"}
        products.echo.answers = {}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_noticed(edge: Edge, objects: list[Manifest], mutation: Mutation) -> None:
    notices(edge, objects, mutation, CASES)
