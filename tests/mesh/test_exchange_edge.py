"""The exchange's front door, tried: every line of exchange_cases.py, who is counted, and that what is taken out is noticed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.mesh import eco2, rig, tenants
from tests.mesh.cases import Case, judge
from tests.mesh.exchange_cases import (
    ALLOWED,
    BALANCE,
    CASES,
    CHANGES,
    COUNTED,
    HOST,
    ISSUER,
    MUTATIONS,
    ORDERS,
    TRADING,
    WORKLOADS,
    Counted,
    somebody,
    somewhere,
)
from tests.mesh.manifests import Manifest
from tests.mesh.mutations import Mutation, notices, notices_without
from tests.mesh.rig import Edge
from tests.mesh.upstreams import Echo

pytestmark = pytest.mark.verify
BURST = int(CHANGES["exchange.bursts"]["at_once"])


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    rendered = tenants.objects(tenants.files(tmp_path_factory, "exchange", CHANGES))
    return tenants.with_collector(tenants.with_keys(rendered, {ISSUER.issuer: ISSUER.keys()}))


@pytest.fixture(scope="module")
def edge(objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    limits = tenants.limits(objects)
    with (
        rig.backends(tmp_path_factory.mktemp("behind"), WORKLOADS, eco2.AUTHORIZER, limits) as behind,
        tenants.edge(objects, behind, tmp_path_factory.mktemp("edge")) as standing,
    ):
        standing.wait_for(ORDERS, somebody("trade:read"), host=HOST)
        standing.wait_for(BALANCE, somebody("wallet:read"), host=HOST)
        yield standing


def test_the_proxy_takes_everything_and_nobody_warns(edge: Edge) -> None:
    assert edge.problems() == []


def test_cases_have_names_of_their_own() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(edge: Edge, case: Case) -> None:
    if wrong := judge(edge, case):
        pytest.fail(wrong, pytrace=False)


@pytest.mark.parametrize("counted", COUNTED, ids=lambda counted: counted.name)
def test_everybody_has_what_the_limit_says_and_no_more(edge: Edge, counted: Counted) -> None:
    who, other = counted.who(), counted.who()
    answers = [counted.ask(edge, who) for _ in range(ALLOWED + 2)]
    assert [answer.status for answer in answers] == [200] * ALLOWED + [429] * 2
    assert counted.ask(edge, other).status == 200
    assert answers[0].headers["x-ratelimit-remaining"] == str(ALLOWED - 1)
    assert int(answers[-1].headers["retry-after"]) > 0
    assert answers[-1].headers["strict-transport-security"].endswith("preload")


def flood(send: Callable[[], int]) -> tuple[Counter[int], float]:
    """Twice what may come at once, and how long that took."""
    started = time.monotonic()
    return Counter(send() for _ in range(2 * BURST)), time.monotonic() - started


@pytest.mark.parametrize("with_token", [True, False])
def test_an_address_has_its_burst_and_no_more(edge: Edge, with_token: bool) -> None:
    """Also who has no token: nobody tries them out faster."""
    who, headers = somewhere(), somebody("trade:read") if with_token else []
    found, took = flood(lambda: edge.send("GET", ORDERS, headers, host=HOST, client=who).status)
    passed = found[200 if with_token else 401]
    assert set(found) == {200 if with_token else 401, 429}
    assert BURST <= passed <= BURST + took + 1


def test_a_steady_rate_below_the_limit_is_never_refused(edge: Edge) -> None:
    who, client = somebody("trade:read"), somewhere()
    answers = [edge.send("GET", ORDERS, who, host=HOST, client=client).status for _ in range(BURST)]
    assert answers == [200] * BURST


@pytest.fixture
def flapping(edge: Edge) -> Iterator[Echo]:
    """The trading service, which fails every other time."""
    echo = edge.backends.echoes[TRADING]
    echo.answers = {"status": 503, "body": "", "every": 2}
    yield echo
    echo.answers = {}


def asked(edge: Edge, method: str, scope: str) -> Counter[int]:
    """Twenty requests of as many people."""
    return Counter(edge.send(method, ORDERS, somebody(scope), host=HOST, client=somewhere()).status for _ in range(20))


def test_a_service_that_flaps_answers_every_read(edge: Edge, flapping: Echo) -> None:
    before = flapping.requests
    assert asked(edge, "GET", "trade:read") == {200: 20}
    assert flapping.requests - before in (39, 40)


def test_a_service_that_flaps_sees_no_order_twice(edge: Edge, flapping: Echo) -> None:
    before = flapping.requests
    assert asked(edge, "POST", "trade:write") == {200: 10, 503: 10}
    assert flapping.requests - before == 20


def a_users_limit(edge: Edge) -> bool:
    who = somebody("wallet:read")
    sent = [edge.send("GET", BALANCE, who, host=HOST, client=somewhere()).status for _ in range(ALLOWED + 1)]
    return sent[-1] == 429


def an_addresses_burst(edge: Edge) -> bool:
    who = somewhere()
    return 429 in flood(lambda: edge.send("GET", ORDERS, host=HOST, client=who).status)[0]


@pytest.mark.parametrize(
    ("name", "protects"), [("tenants-rate-limits", a_users_limit), ("tenants-bursts", an_addresses_burst)]
)
def test_a_limit_that_is_taken_out_is_noticed(
    edge: Edge, objects: list[Manifest], name: str, protects: Callable[[Edge], bool]
) -> None:
    notices_without(edge, objects, name, protects)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_noticed(edge: Edge, objects: list[Manifest], mutation: Mutation) -> None:
    notices(edge, objects, mutation, CASES)
