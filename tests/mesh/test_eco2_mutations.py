"""A protection that is taken out is noticed: each on a gateway of its own, by the case that stands for it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from infra.systems.eco2.document import BYPASSED
from tests.mesh import eco2
from tests.mesh.cases import judge
from tests.mesh.eco2_cases import CASES, HOST
from tests.mesh.eco2_mutations import MUTATIONS, REFUSED, Mutation
from tests.mesh.manifests import Manifest
from tests.mesh.rig import Backends, Edge
from tests.mesh.sweep import opened

pytestmark = pytest.mark.verify
BY_NAME = {case.name: case for case in CASES}


def changed(objects: list[Manifest], backends: Backends, mutation: Mutation, folder: Path) -> Edge:
    """The mesh with one protection less."""
    own = copy.deepcopy(objects)
    mesh = eco2.mesh_configuration(own)
    return Edge(backends, eco2.gateway(own), mutation.change(own, mesh), mesh, folder)


def test_cases_have_names_of_their_own() -> None:
    assert len(BY_NAME) == len(CASES)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_is_noticed(
    eco2_objects: list[Manifest], eco2_backends: Backends, tmp_path: Path, mutation: Mutation
) -> None:
    with changed(eco2_objects, eco2_backends, mutation, tmp_path) as edge:
        assert judge(edge, BY_NAME[mutation.noticed_by])


def test_a_failure_says_which_request_what_came_back_and_why(
    eco2_objects: list[Manifest], eco2_backends: Backends, tmp_path: Path
) -> None:
    with changed(eco2_objects, eco2_backends, MUTATIONS[0], tmp_path) as edge:
        said = judge(edge, BY_NAME["no token"])
    assert said.startswith(
        "no token: GET /api/v1/my/profile\n  the status is 200, not 401\n  my-api answered, not nobody\n"
    )
    assert "came back: 200" in said
    assert '"details":"via_upstream"' in said


def test_the_sweep_sees_an_opening(eco2_objects: list[Manifest], eco2_backends: Backends, tmp_path: Path) -> None:
    (wide,) = [one for one in MUTATIONS if one.name == "a bypass path takes what is below"]
    with changed(eco2_objects, eco2_backends, wide, tmp_path) as edge:
        assert "reached scan-api" in opened(edge, HOST, "/api/v1/scan/docs/secret", BYPASSED)
        assert opened(edge, HOST, "/api/v1/scan/docs", BYPASSED) == ""
        assert opened(edge, HOST, "/api/v1/scan/history", BYPASSED) == ""


@pytest.mark.parametrize("mutation", REFUSED, ids=lambda mutation: mutation.name)
def test_what_the_proxy_cannot_take_is_a_problem(
    eco2_objects: list[Manifest], eco2_backends: Backends, tmp_path: Path, mutation: Mutation
) -> None:
    with changed(eco2_objects, eco2_backends, mutation, tmp_path) as edge:
        assert any(mutation.noticed_by in problem for problem in edge.problems()), edge.problems()
