"""A protection that is taken out is noticed, by the case that stands for it: it holds, fails without, and holds again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.systems.eco2.document import BYPASSED
from tests.mesh import eco2
from tests.mesh.cases import judge
from tests.mesh.eco2_cases import CASES, HOST, MY
from tests.mesh.eco2_mutations import HARMLESS, MUTATIONS, REFUSED, STRAY
from tests.mesh.manifests import Manifest
from tests.mesh.mutations import Mutation, mutated, notices, until_it_fails, until_it_holds, without_it
from tests.mesh.rig import Backends, Edge
from tests.mesh.sweep import opened
from tests.mesh.tokens import user

pytestmark = pytest.mark.verify
BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module")
def edge(
    eco2_objects: list[Manifest], eco2_backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    """One gateway for all: it gets its rendered objects back after each mutation."""
    mesh = eco2.mesh_configuration(eco2_objects)
    with Edge(eco2_backends, eco2.gateway(eco2_objects), eco2_objects, mesh, tmp_path_factory.mktemp("edge")) as found:
        yield found


def test_cases_have_names_of_their_own() -> None:
    assert len(BY_NAME) == len(CASES)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_noticed(edge: Edge, eco2_objects: list[Manifest], mutation: Mutation) -> None:
    notices(edge, eco2_objects, mutation, CASES)


def test_a_change_that_takes_no_protection_away_is_none_for_the_cases(edge: Edge, eco2_objects: list[Manifest]) -> None:
    case = BY_NAME[HARMLESS.noticed_by]
    until_it_holds(edge, case)
    with without_it(edge, eco2_objects, HARMLESS):
        with pytest.raises(TimeoutError):
            until_it_fails(edge, case, patience=0.5)
        answer = edge.send("GET", MY, [("authorization", f"Bearer {user('released')}")], host=HOST)
        assert answer.headers["x-release"] == "2"


def test_a_route_of_another_namespace_for_the_apis_host_is_not_heard(edge: Edge, eco2_objects: list[Manifest]) -> None:
    case = BY_NAME[STRAY.noticed_by]
    with without_it(edge, eco2_objects, STRAY), pytest.raises(TimeoutError):
        until_it_fails(edge, case, patience=1.0)


def test_a_failure_says_which_request_what_came_back_and_why(edge: Edge, eco2_objects: list[Manifest]) -> None:
    case = BY_NAME["no token"]
    with without_it(edge, eco2_objects, MUTATIONS[0]):
        until_it_fails(edge, case)
        said = judge(edge, case)
    assert said.startswith(
        "no token: GET /api/v1/my/profile\n  the status is 200, not 401\n  my-api answered, not nobody\n"
    )
    assert "came back: 200" in said
    assert '"details":"via_upstream"' in said


def test_the_sweep_sees_an_opening(edge: Edge, eco2_objects: list[Manifest]) -> None:
    (wide,) = [one for one in MUTATIONS if one.name == "a bypass path takes what is below"]
    with without_it(edge, eco2_objects, wide):
        until_it_fails(edge, BY_NAME[wide.noticed_by])
        assert "reached scan-api" in opened(edge, HOST, "/api/v1/scan/docs/secret", BYPASSED)
        assert opened(edge, HOST, "/api/v1/scan/docs", BYPASSED) == ""
        assert opened(edge, HOST, "/api/v1/scan/history", BYPASSED) == ""


@pytest.mark.parametrize("mutation", REFUSED, ids=lambda mutation: mutation.name)
def test_what_the_proxy_cannot_take_is_a_problem(
    eco2_objects: list[Manifest], eco2_backends: Backends, tmp_path: Path, mutation: Mutation
) -> None:
    """On a gateway of its own, which may have nothing that it took before."""
    objects, mesh = mutated(eco2_objects, mutation)
    with Edge(eco2_backends, eco2.gateway(objects), objects, mesh, tmp_path) as edge:
        assert any(mutation.noticed_by in problem for problem in edge.problems()), edge.problems()
