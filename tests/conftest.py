"""Both real stacks, each built once per process for all the tests that only look at what was registered."""

from __future__ import annotations

import gc
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from rehearsal.recording import Recording
from rehearsal.sdk import collecting_rarely
from tests.stacks import stack_up


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    with stack_up("prod", tmp_path_factory.mktemp("prod")) as (recording, _):
        return recording


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    with stack_up("dev", tmp_path_factory.mktemp("dev")) as (recording, _):
        return recording


_ON_BOTH_STACKS = ("tests/systems/", "tests/policy/", "tests/preview/")


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    """What is built once stays until the end: to look through it for garbage all the time would cost a fifth."""
    with collecting_rarely():
        yield
    # At its end pytest looks five times through all that is left.
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell starts what runs in its background deaf to SIGINT, and so would be what tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _TheStacksTogether(LoadFileScheduling):  # type: ignore[misc]
    """One process builds the stacks, and runs the tests that look at them."""

    def _split_scope(self, nodeid: str) -> str:
        return _ON_BOTH_STACKS[0] if nodeid.startswith(_ON_BOTH_STACKS) else str(super()._split_scope(nodeid))


_WITHOUT_A_TEST: Mapping[str, Callable[[str], bool]] = {
    "not runs and not verify and not bench": lambda text: bool(
        re.search(r"^pytestmark = pytest\.mark\.(runs|verify)$", text, re.M)
    ),
    "runs and not timed": lambda text: "mark.runs" not in text,
    "verify": lambda text: "mark.verify" not in text,
    "timed": lambda text: "mark.timed" not in text,
}
"""Which files have nothing for the Makefile's runs, by their text; of any other selection of tests that is not said."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files without a test for this run are not even imported: that takes seconds, in each process."""
    without = _WITHOUT_A_TEST.get(config.getoption("markexpr"))
    if not without or not collection_path.match("test_*.py"):
        return None
    return without(collection_path.read_text()) or None


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return _TheStacksTogether(config, log) if config.getoption("dist") == "loadfile" else None
