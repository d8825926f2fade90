"""A tenant's edge, tried: every line of its tables, who is counted, and that each protection which is taken out is noticed."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.systems import Guest
from tests.mesh import eco2, guestbook_cases, guestbook_limits, guestbook_mutations, guestbook_tokens, rig, tenants
from tests.mesh.cases import Case, judge
from tests.mesh.client import Answer
from tests.mesh.guestbook_cases import HOST, V1, V2, WORKLOADS
from tests.mesh.guestbook_limits import ALLOWED, COUNTED_BY, READER, Counted, somebody, somewhere
from tests.mesh.guestbook_tokens import BOOKS, LIST
from tests.mesh.manifests import Manifest
from tests.mesh.mutations import Mutation, notices, notices_without
from tests.mesh.rig import Edge
from tests.mesh.test_eco2_findings import findings
from tests.mesh.tokens import user
from tests.systems import guestbook
from tests.systems.guestbook_edge import BURSTS, PUBLIC

pytestmark = pytest.mark.verify
GUEST = Guest(declare=guestbook.declare, build=guestbook.build)
CASES = [*guestbook_cases.CASES, *guestbook_tokens.CASES, *guestbook_limits.CASES]
MUTATIONS = [*guestbook_mutations.MUTATIONS, *guestbook_tokens.MUTATIONS, *guestbook_limits.MUTATIONS]
READ = f"{guestbook.PREFIX}/1"
BURST = BURSTS[0].burst.burst


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    rendered = tenants.objects(tenants.files(tmp_path_factory, guestbook.SYSTEM, guest=GUEST))
    return tenants.with_keys(rendered, {issuer: one.keys() for issuer, one in guestbook_tokens.ISSUERS.items()})


@pytest.fixture(scope="module")
def edge(objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    limits = tenants.limits(objects)
    with (
        rig.backends(tmp_path_factory.mktemp("behind"), WORKLOADS, eco2.AUTHORIZER, limits) as behind,
        tenants.edge(objects, behind, tmp_path_factory.mktemp("edge")) as standing,
    ):
        standing.wait_for(READ, bearer("warm-up"), host=HOST)
        standing.wait_for(READER, somebody(), host=BOOKS)
        yield standing


def bearer(name: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {user(name)}")]


def test_the_proxy_takes_everything_and_nobody_warns(edge: Edge) -> None:
    assert edge.problems() == []


def test_istio_finds_no_error_and_nothing_to_warn_of(objects: list[Manifest], tmp_path: Path) -> None:
    """But for the releases' pods, which the rig alone has."""
    found = findings(objects, eco2.mesh_configuration(objects), tmp_path)
    assert [one for one in found if "IST0173" not in one] == []


def test_cases_have_names_of_their_own() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(edge: Edge, case: Case) -> None:
    if wrong := judge(edge, case):
        pytest.fail(wrong, pytrace=False)


def test_shares_are_what_was_asked_for(edge: Edge) -> None:
    """300 requests of newcomers: 10 percent, give or take five standard deviations (one run in a million is further away)."""
    number, share = 300, 0.1
    answers = [edge.send("GET", READ, bearer("newcomer"), host=HOST) for _ in range(number)]
    found = Counter(answer.upstream for answer in answers)
    assert set(found) == {V1, V2}
    assert abs(found[V2] - number * share) <= 5 * math.sqrt(number * share * (1 - share))
    cookies = {answer.upstream: answer.headers["set-cookie"].split(";")[0] for answer in answers}
    assert cookies == {V1: "release=v1", V2: "release=v2"}


@pytest.mark.parametrize("counted", COUNTED_BY, ids=lambda counted: counted.name)
def test_everybody_has_what_the_limit_says_and_no_more(edge: Edge, counted: Counted) -> None:
    who, other = counted.who(), counted.who()
    answers = [counted.ask(edge, who) for _ in range(ALLOWED + 2)]
    assert [answer.status for answer in answers] == [200] * ALLOWED + [429] * 2
    assert counted.ask(edge, other).status == 200


def test_a_limit_says_what_is_left_and_when_to_come_again(edge: Edge) -> None:
    who = somebody()
    answers = [edge.send("GET", READER, who, host=BOOKS, client=somewhere()) for _ in range(ALLOWED + 1)]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"3, 1000;w=3600, 3;w=2592000"}
    *passed, refused = answers
    assert refused.headers["retry-after"] == refused.headers["x-ratelimit-reset"]
    assert int(refused.headers["retry-after"]) > 0
    assert [answer.headers.get("retry-after") for answer in passed] == [None] * ALLOWED


def test_who_is_refused_is_not_counted(edge: Edge) -> None:
    who = somebody()
    tampered = [("authorization", who[0][1] + "x")]
    for _ in range(ALLOWED + 1):
        assert edge.send("GET", READER, tampered, host=BOOKS, client=somewhere()).status == 401
    assert edge.send("GET", READER, who, host=BOOKS, client=somewhere()).headers["x-ratelimit-remaining"] == "2"


@pytest.mark.parametrize(("method", "target"), [("POST", READER), ("GET", f"{READER}s")])
def test_what_a_limit_does_not_name_is_not_counted(edge: Edge, method: str, target: str) -> None:
    who = somebody()
    for _ in range(ALLOWED + 1):
        answer = edge.send(method, target, who, host=BOOKS, client=somewhere())
        assert (answer.status, answer.headers.get("x-ratelimit-limit")) == (200, None)


def flood(send: Callable[[], Answer]) -> tuple[Counter[int], float, list[Answer]]:
    """Twice what may come at once: how it was answered, and how long that took, in which the bucket fills again."""
    started = time.monotonic()
    answers = [send() for _ in range(2 * BURST)]
    return Counter(answer.status for answer in answers), time.monotonic() - started, answers


@pytest.mark.parametrize(("target", "status"), [(PUBLIC, 200), (LIST, 401), ("/nowhere/else", 401)])
def test_an_address_has_its_burst_and_no_more_whatever_it_asks_for(edge: Edge, target: str, status: int) -> None:
    """Also without a token, and while the limiter is down: nobody else is asked before."""
    who = somewhere()
    found, took, answers = flood(lambda: edge.send("GET", target, host=BOOKS, client=who))
    assert set(found) == {status, 429}
    assert BURST <= found[status] <= BURST + took + 1
    refused = answers[-1]
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert refused.headers["content-type"] == "application/json; charset=utf-8"
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert edge.send("GET", target, host=BOOKS, client=somewhere()).status == status


def refuses_the_fourth(edge: Edge) -> bool:
    who = somebody()
    return [edge.send("GET", READER, who, host=BOOKS, client=somewhere()).status for _ in range(ALLOWED + 1)][-1] == 429


def ends_a_burst(edge: Edge) -> bool:
    who = somewhere()
    return 429 in flood(lambda: edge.send("GET", PUBLIC, host=BOOKS, client=who))[0]


def tells_when_to_come_again(edge: Edge) -> bool:
    who = somebody()
    answers = [edge.send("GET", READER, who, host=BOOKS, client=somewhere()) for _ in range(ALLOWED + 1)]
    return "retry-after" in answers[-1].headers


@pytest.mark.parametrize(
    ("name", "protects"),
    [
        ("tenants-rate-limits", refuses_the_fourth),
        ("tenants-bursts", ends_a_burst),
        ("tenants-local-replies", tells_when_to_come_again),
    ],
)
def test_a_limit_that_is_taken_out_is_noticed(
    edge: Edge, objects: list[Manifest], name: str, protects: Callable[[Edge], bool]
) -> None:
    notices_without(edge, objects, name, protects)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_noticed(edge: Edge, objects: list[Manifest], mutation: Mutation) -> None:
    notices(edge, objects, mutation, CASES)
