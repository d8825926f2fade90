"""Both real stacks, each built once per process for all the tests that only look at what was registered."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

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


_ON_BOTH_STACKS = ("tests/systems/", "tests/policy/")


class _TheStacksTogether(LoadFileScheduling):  # type: ignore[misc]
    """One process builds the stacks, and runs the tests of all systems and policies on them."""

    def _split_scope(self, nodeid: str) -> str:
        return _ON_BOTH_STACKS[0] if nodeid.startswith(_ON_BOTH_STACKS) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return _TheStacksTogether(config, log) if config.getoption("dist") == "loadfile" else None
