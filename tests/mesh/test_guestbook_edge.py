"""A tenant's edge, tried: every line of guestbook_cases.py, and that each protection which is taken out is noticed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import pytest

from infra.systems import Guest
from tests.mesh import eco2, guestbook_cases, guestbook_mutations, guestbook_tokens, rig, tenants
from tests.mesh.cases import Case, judge
from tests.mesh.guestbook_cases import HOST, V1, V2, WORKLOADS
from tests.mesh.manifests import Manifest
from tests.mesh.mutations import Mutation, notices
from tests.mesh.rig import Edge
from tests.mesh.tokens import user
from tests.systems import guestbook

pytestmark = pytest.mark.verify
GUEST = Guest(declare=guestbook.declare, build=guestbook.build)
CASES = [*guestbook_cases.CASES, *guestbook_tokens.CASES]
MUTATIONS = [*guestbook_mutations.MUTATIONS, *guestbook_tokens.MUTATIONS]
READ = f"{guestbook.PREFIX}/1"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    rendered = tenants.objects(tenants.files(tmp_path_factory, guestbook.SYSTEM, guest=GUEST))
    return tenants.with_keys(rendered, {issuer: one.keys() for issuer, one in guestbook_tokens.ISSUERS.items()})


@pytest.fixture(scope="module")
def edge(objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with (
        rig.backends(tmp_path_factory.mktemp("behind"), WORKLOADS, eco2.AUTHORIZER) as behind,
        tenants.edge(objects, behind, tmp_path_factory.mktemp("edge")) as standing,
    ):
        standing.wait_for(READ, bearer("warm-up"), host=HOST)
        yield standing


def bearer(name: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {user(name)}")]


def test_the_proxy_takes_everything_and_nobody_warns(edge: Edge) -> None:
    assert edge.problems() == []


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


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_noticed(edge: Edge, objects: list[Manifest], mutation: Mutation) -> None:
    notices(edge, objects, mutation, CASES)
