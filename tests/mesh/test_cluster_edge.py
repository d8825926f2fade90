"""eco2's edge once more, with every tenant of prod in the mesh: what they add at the shared gateway takes nothing from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mesh import eco2
from tests.mesh.cases import Case, judge
from tests.mesh.eco2_cases import CASES, HOST, MY
from tests.mesh.manifests import Manifest
from tests.mesh.rig import Backends, Edge
from tests.mesh.tokens import user

pytestmark = pytest.mark.verify


@pytest.fixture(scope="module")
def edge(
    cluster_objects: list[Manifest], eco2_backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    mesh = eco2.mesh_configuration(cluster_objects)
    folder = tmp_path_factory.mktemp("edge")
    with Edge(eco2_backends, eco2.gateway(cluster_objects), cluster_objects, mesh, folder) as standing:
        standing.wait_for(MY, [("authorization", f"Bearer {user('warm-up')}")], host=HOST)
        yield standing


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(edge: Edge, case: Case) -> None:
    if wrong := judge(edge, case):
        pytest.fail(wrong, pytrace=False)
