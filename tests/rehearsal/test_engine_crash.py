"""Runs of the real engine that are killed half way: the next one finishes, and leaves nothing that no state knows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine.stack import EngineStack
from rehearsal.inprocess import ProgramFailed
from tests.rehearsal.engine_rig import DEFAULT_IDS, RESOURCES, Rig, account_ids, open_rig

pytestmark = pytest.mark.judges

DRIVER = """
import json, sys
from dataclasses import replace
from pathlib import Path
from rehearsal.engine.stack import EngineStack
from rehearsal.stack_file import StackFile

given = json.loads(sys.argv[1])
stack = StackFile(
    project="shop", stack="test", path=Path(given["root"]), config=given["config"],
    secret_keys=frozenset(), stood_in=(),
)
EngineStack(Path(given["root"]), stack, given["ports"], Path(given["state"]), Path(given["engine"])).up()
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """With nothing in it."""
    with open_rig(tmp_path, secrets=False) as opened:
        yield opened


@pytest.fixture(scope="class")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_rig(tmp_path_factory.mktemp("used"), secrets=False) as opened:
        yield opened


@pytest.fixture
def standing(used: Rig) -> Rig:
    """With the stack in it as its settings say, whatever the test before did."""
    used.stack().up()
    return used


OnceAt = Callable[..., None]


@pytest.fixture
def once_at(monkeypatch: pytest.MonkeyPatch) -> OnceAt:
    """Do `act` at the nth call of a method of the cloud: after it was carried out, or before it begins."""

    def patch(rig: Rig, method: str, nth: int, act: Callable[[], None], *, after: bool) -> None:
        original, count = getattr(rig.cloud, method), iter(range(1, 10_000))

        def call(*arguments: Any) -> Any:
            chosen = next(count) == nth
            if chosen and not after:
                act()
            result = original(*arguments)
            if chosen and after:
                act()
            return result

        monkeypatch.setattr(rig.cloud, method, call)

    return patch


def _kill_engine(rig: Rig) -> Callable[[], None]:
    def kill() -> None:
        process = rig.engine_process()
        os.kill(process, signal.SIGKILL)

    return kill


def _up_killed(stack: EngineStack) -> None:
    with pytest.raises(ProgramFailed, match="killed"):
        stack.up()


REPLACING = {"subnets": {"a": "10.0.0.0/24", "c": "10.0.2.0/24"}, "port": 6432}


def _start_driver(rig: Rig) -> subprocess.Popen[bytes]:
    given = {
        "root": str(rig.root),
        "config": rig.settings().config,
        "ports": rig.ports,
        "state": str(rig.state),
        "engine": str(rig.engine),
    }
    here = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", DRIVER, json.dumps(given)], cwd=here)


class TestFirstUpdates:
    """Of a stack that has nothing yet: a create that was under way, the driver itself, and what a person is told."""

    @pytest.mark.parametrize("after", [True, False], ids=["answer lost", "request lost"])
    @pytest.mark.parametrize("nth", [1, 4, RESOURCES - 1])
    def test_up_killed_at_a_create_is_finished_by_the_next_one(
        self, rig: Rig, once_at: OnceAt, nth: int, after: bool
    ) -> None:
        once_at(rig, "create", nth, _kill_engine(rig), after=after)
        _up_killed(rig.stack())
        stack = rig.stack()
        stack.up()
        rig.assert_no_orphans()
        assert stack.up() == {"same": RESOURCES + 1}

    @pytest.mark.parametrize("engine_too", [True, False], ids=["driver and engine", "driver alone"])
    def test_a_driver_killed_half_way_leaves_the_cloud_and_the_next_one_finishes(
        self, rig: Rig, once_at: OnceAt, engine_too: bool
    ) -> None:
        reached, killed = threading.Event(), threading.Event()

        def stop_here() -> None:
            reached.set()
            assert killed.wait(60)

        once_at(rig, "create", 5, stop_here, after=True)
        driver = _start_driver(rig)
        assert reached.wait(60)
        engine = rig.engine_process()
        driver.kill()
        driver.wait()
        if engine_too:
            os.kill(engine, signal.SIGKILL)
        killed.set()
        stack = rig.stack()
        stack.up()
        rig.assert_no_orphans()
        assert stack.up() == {"same": RESOURCES + 1}

    def test_a_stack_in_use_is_not_taken_over(self, rig: Rig, once_at: OnceAt, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rehearsal.engine.stack._GONE_WITHIN", 0.5)
        refused: list[str] = []

        def second_run() -> None:
            with pytest.raises(ProgramFailed) as caught:
                rig.stack().up()
            refused.append(str(caught.value))

        once_at(rig, "create", 3, second_run, after=True)
        stack = rig.stack()
        stack.up()
        assert "another run is using the stack" in refused[0]
        rig.assert_no_orphans()


class TestReplacements:
    """A replacement that was under way."""

    @pytest.mark.parametrize("after", [True, False], ids=["answer lost", "request lost"])
    @pytest.mark.parametrize("method", ["create", "delete"])
    def test_a_replacement_killed_half_way(self, standing: Rig, once_at: OnceAt, method: str, after: bool) -> None:
        once_at(standing, method, 1, _kill_engine(standing), after=after)
        _up_killed(standing.stack(**REPLACING))
        stack = standing.stack(**REPLACING)
        stack.up()
        standing.assert_no_orphans()
        assert stack.up() == {"same": RESOURCES + 1}

    @pytest.mark.parametrize("after", [True, False], ids=["answer lost", "request lost"])
    def test_settings_taken_back_after_a_replacement_was_killed_half_way(
        self, standing: Rig, once_at: OnceAt, after: bool
    ) -> None:
        before = account_ids()
        once_at(standing, "create", 1, _kill_engine(standing), after=after)
        _up_killed(standing.stack(**REPLACING))
        stack = standing.stack()
        assert stack.up() == {"same": RESOURCES + 1}
        standing.assert_no_orphans()
        assert account_ids() == before


class TestOtherOperations:
    """Updates, deletes, and a create that was to stand beside what is there."""

    @pytest.mark.parametrize("after", [True, False], ids=["answer lost", "request lost"])
    def test_an_update_killed_half_way(self, standing: Rig, once_at: OnceAt, after: bool) -> None:
        once_at(standing, "update", 1, _kill_engine(standing), after=after)
        _up_killed(standing.stack(owner="shop"))
        stack = standing.stack(owner="shop")
        stack.up()
        standing.assert_no_orphans()
        assert stack.refresh() == {"same": RESOURCES + 1}
        assert stack.up() == {"same": RESOURCES + 1}

    @pytest.mark.parametrize("after", [True, False], ids=["answer lost", "request lost"])
    def test_a_destroy_killed_half_way(self, standing: Rig, once_at: OnceAt, after: bool) -> None:
        once_at(standing, "delete", 4, _kill_engine(standing), after=after)
        with pytest.raises(ProgramFailed, match="killed"):
            standing.stack().destroy()
        stack = standing.stack()
        stack.destroy()
        assert standing.saved() == []
        assert account_ids() == DEFAULT_IDS[id(standing.cloud)]

    def test_recover_says_what_was_in_the_air(self, standing: Rig, once_at: OnceAt) -> None:
        once_at(standing, "create", 1, _kill_engine(standing), after=True)
        _up_killed(standing.stack(extra=True))
        stack = standing.stack(extra=True)
        (found,) = stack.recover()
        assert found.startswith("creating urn:")
        assert found.endswith("::extra")
        assert stack.recover() == []
        assert stack.up() == {"same": RESOURCES + 2}

    def test_a_create_that_the_next_program_does_not_want_any_more_is_taken_down(
        self, standing: Rig, once_at: OnceAt
    ) -> None:
        once_at(standing, "create", 1, _kill_engine(standing), after=True)
        _up_killed(standing.stack(extra=True))
        assert "/shop/extra" in account_ids()
        stack = standing.stack()
        stack.up()
        assert "/shop/extra" not in account_ids()
        standing.assert_no_orphans()
