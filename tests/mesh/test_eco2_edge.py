"""eco2.md's edge, tried: every line of eco2_cases.py on a real Envoy that a real control plane configures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.systems.eco2.document import BYPASSED, SERVICES
from tests.mesh import eco2
from tests.mesh.cases import Case, judge
from tests.mesh.eco2_cases import CASES, HOST, MY
from tests.mesh.manifests import Manifest
from tests.mesh.rig import Backends, Edge
from tests.mesh.sweep import opened, variations
from tests.mesh.tokens import user

pytestmark = pytest.mark.verify


@pytest.fixture(scope="module")
def edge(
    eco2_objects: list[Manifest], eco2_backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    mesh = eco2.mesh_configuration(eco2_objects)
    folder = tmp_path_factory.mktemp("edge")
    with Edge(eco2_backends, eco2.gateway(eco2_objects), eco2_objects, mesh, folder) as standing:
        standing.wait_for(MY, [("authorization", f"Bearer {user('warm-up')}")], host=HOST)
        yield standing


def test_the_proxy_takes_everything_and_nobody_warns(edge: Edge) -> None:
    assert edge.problems() == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(edge: Edge, case: Case) -> None:
    if wrong := judge(edge, case):
        pytest.fail(wrong, pytrace=False)


TARGETS = [f"/api/v1/{service}/{rest}" for service in SERVICES for rest in ("profile", "docs/secret", "health/x")]
SPELLINGS = sorted(set(variations(TARGETS, BYPASSED)))


def test_no_spelling_of_a_path_opens_what_needs_a_token(edge: Edge) -> None:
    assert len(SPELLINGS) > 4000
    with ThreadPoolExecutor(4) as clients:
        assert [
            found for found in clients.map(lambda target: opened(edge, HOST, target, BYPASSED), SPELLINGS) if found
        ] == []
