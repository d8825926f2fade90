"""eco2's edge once more, with every tenant of prod in the mesh: what they add at the shared gateway takes nothing from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.mesh import eco2
from tests.mesh.cases import Case, judge
from tests.mesh.eco2_cases import CASES, HOST, MY
from tests.mesh.manifests import Manifest
from tests.mesh.rig import Backends, Edge
from tests.mesh.tokens import user

pytestmark = pytest.mark.verify

NO_ISSUER = "Jwt_issuer_is_not_configured"
OTHERWISE: dict[str, dict[str, Any]] = {
    # What tenants ask for on all hosts: a route after all others, without which nobody is asked about what leads nowhere, and
    # that a token is looked at before anything is allowed.
    "docs in another place": {"status": 401, "details": "ext_authz_denied"},
    "a service that is none": {"details": "direct_response"},
    "another host": {"status": 401, "details": NO_ISSUER},
    "the name of a Service as the host": {"status": 401, "details": NO_ISSUER},
}
"""Requests that are refused for another reason than without tenants."""


@pytest.fixture(scope="module")
def edge(
    cluster_objects: list[Manifest], eco2_backends: Backends, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    mesh = eco2.mesh_configuration(cluster_objects)
    folder = tmp_path_factory.mktemp("edge")
    with Edge(eco2_backends, eco2.gateway(cluster_objects), cluster_objects, mesh, folder) as standing:
        standing.wait_for(MY, [("authorization", f"Bearer {user('warm-up')}")], host=HOST)
        yield standing


def test_what_is_otherwise_is_a_case() -> None:
    assert set(OTHERWISE) <= {case.name for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(edge: Edge, case: Case) -> None:
    if wrong := judge(edge, replace(case, **OTHERWISE.get(case.name, {}))):
        pytest.fail(wrong, pytrace=False)
