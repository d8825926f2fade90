"""The rate-limit service on the rig: it limits per key, and a gateway that gets no answer does what its filter says.

eco2's mesh stands in for a system that limits rates: its users are known after the check.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mesh import eco2, rig
from tests.mesh.cases import Case, Condition, judge
from tests.mesh.eco2_cases import HOST, MY, case, passes
from tests.mesh.limits import limited, limits
from tests.mesh.manifests import Manifest, without
from tests.mesh.rig import Backends, Edge
from tests.mesh.tokens import user

pytestmark = pytest.mark.verify

ALLOWED = 3


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    folder = tmp_path_factory.mktemp("limited")
    with rig.backends(folder, eco2.WORKLOADS, eco2.AUTHORIZER, limits(ALLOWED)) as found:
        yield found


@contextmanager
def standing(
    objects: Sequence[Manifest], backends: Backends, folder: Path, filters: Sequence[Manifest]
) -> Iterator[Edge]:
    """eco2's edge with these filters, once it answers."""
    mesh = eco2.mesh_configuration(objects)
    with Edge(backends, eco2.gateway(objects), [*objects, *filters], mesh, folder) as edge:
        edge.wait_for(MY, bearer("warm-up"), host=HOST, status=(200, 429))
        yield edge


@pytest.fixture(scope="module")
def edge(eco2_objects: list[Manifest], backends: Backends, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    filters = limited(eco2.gateway(eco2_objects))
    with standing(eco2_objects, backends, tmp_path_factory.mktemp("edge"), filters) as found:
        yield found


def bearer(name: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {user(name)}")]


def as_user(name: str, status: int = 200, *more: tuple[str, str], given: Condition = "", **judged: object) -> Case:
    """A request of a user that no other test is."""
    if status == 200:
        return passes(f"as {name}", MY, [*bearer(name), *more], given=given, **judged)
    return case(f"as {name}", MY, status, [*bearer(name), *more], given=given, **judged)


def wrong(edge: Edge, *cases: Case) -> str:
    return "".join(judge(edge, one) for one in cases)


def test_the_proxy_takes_the_filter_and_nobody_warns(edge: Edge) -> None:
    assert edge.problems() == []


def test_a_user_gets_the_number_of_the_rule_and_no_more(edge: Edge) -> None:
    allowed = [as_user("greedy")] * ALLOWED
    refused = as_user("greedy", 429, details="request_rate_limited")
    assert wrong(edge, *allowed, refused, refused) == ""


def test_each_user_is_counted_alone(edge: Edge) -> None:
    assert wrong(edge, *[as_user("first")] * ALLOWED, as_user("first", 429), as_user("second")) == ""


def test_an_identity_that_the_client_claims_is_not_counted_for_another(edge: Edge) -> None:
    forged = ("x-user-id", "someone-else")
    assert wrong(edge, *[as_user("forger", 200, forged)] * ALLOWED, as_user("forger", 429, forged)) == ""


def test_who_is_refused_by_the_check_is_not_counted(edge: Edge) -> None:
    refused = case("no token", MY, 401)
    assert wrong(edge, *[refused] * (ALLOWED + 1), as_user("unharmed")) == ""


@pytest.mark.parametrize("given", ["limits down", "limits slow", "limits silent", "counters down", "counters silent"])
def test_without_an_answer_a_gateway_that_fails_closed_lets_nobody_in(edge: Edge, given: Condition) -> None:
    failed = as_user("waiting", 500, given=given, within=0.45, details="rate_limiter_error")
    assert wrong(edge, failed, as_user(given.replace(" ", "-"))) == ""


def test_without_an_answer_a_gateway_that_fails_open_lets_everybody_in(
    eco2_objects: list[Manifest], backends: Backends, tmp_path: Path
) -> None:
    filters = limited(eco2.gateway(eco2_objects), fail_closed=False)
    with standing(eco2_objects, backends, tmp_path, filters) as edge:
        assert wrong(edge, as_user("lucky", given="limits down"), as_user("lucky", given="counters down")) == ""


def test_without_the_filter_nobody_is_counted(eco2_objects: list[Manifest], backends: Backends, tmp_path: Path) -> None:
    filters = without(limited(eco2.gateway(eco2_objects)), "EnvoyFilter", "rate-limit")
    with standing(eco2_objects, backends, tmp_path, filters) as edge:
        assert wrong(edge, *[as_user("free")] * (ALLOWED + 1)) == ""
