"""Both real stacks, each built once for all the tests that only look at what was registered."""

from __future__ import annotations

import pytest

from rehearsal.recording import Recording
from tests.stacks import stack_up


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    with stack_up("prod", tmp_path_factory.mktemp("prod")) as (recording, _):
        return recording


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    with stack_up("dev", tmp_path_factory.mktemp("dev")) as (recording, _):
        return recording
