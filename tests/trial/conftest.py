"""What prod renders for its cluster, once for a module of tests."""

from __future__ import annotations

import pytest

from tests.mesh import eco2
from tests.mesh.manifests import Manifest, read


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return read(eco2.cluster_files(tmp_path_factory))
