"""What the tests of a mesh share: the rendered files, and one set of servers behind the edge per process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mesh import eco2, rig
from tests.mesh.manifests import Manifest, read


@pytest.fixture(scope="session")
def eco2_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eco2.rendered_files(tmp_path_factory)


@pytest.fixture(scope="session")
def eco2_objects(eco2_files: Path) -> list[Manifest]:
    return read(eco2_files)


@pytest.fixture(scope="session")
def cluster_objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """eco2's and all tenants' together."""
    return read(eco2.cluster_files(tmp_path_factory))


@pytest.fixture(scope="session")
def eco2_backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Backends]:
    with rig.backends(tmp_path_factory.mktemp("backends"), eco2.WORKLOADS, eco2.AUTHORIZER) as found:
        yield found
