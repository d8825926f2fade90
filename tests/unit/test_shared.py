"""A stack is recorded once per run of the tests, and is the same in every process of it."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rehearsal.recording import Recording
from rehearsal.values import UNKNOWN, Secret
from tests.shared import made_once


class Folders:
    """Of one worker; its parent is the run's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def getbasetemp(self) -> Path:
        return self._folder


def recording(value: object) -> Recording:
    made = Recording()
    made.stack_outputs = {"value": value, "none": UNKNOWN, "secret": Secret("x")}
    return made


@pytest.fixture
def folders(tmp_path: Path) -> pytest.TempPathFactory:
    return Folders(tmp_path / "run" / "popen-gw0")  # type: ignore[return-value]


def test_the_processes_of_a_run_record_once_between_them(
    folders: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    times: list[int] = []

    def record() -> Recording:
        times.append(1)
        return recording(len(times))

    with ThreadPoolExecutor(4) as several:
        found = list(several.map(lambda _: made_once("prod", folders, record), range(4)))
    assert [one.stack_outputs["value"] for one in found] == [1] * 4
    assert made_once("dev", folders, record).stack_outputs["value"] == 2


def test_a_run_in_one_process_leaves_nothing_to_be_found(
    folders: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    assert made_once("prod", folders, lambda: recording(1)).stack_outputs["value"] == 1
    assert made_once("prod", folders, lambda: recording(2)).stack_outputs["value"] == 2
    assert not folders.getbasetemp().parent.exists()


def test_a_recording_that_another_process_made_is_the_same(prod: Recording) -> None:
    again: Recording = pickle.loads(pickle.dumps(prod))  # noqa: S301
    assert list(again) == list(prod)
    assert again.stack_outputs == prod.stack_outputs
    assert pickle.loads(pickle.dumps(UNKNOWN)) is UNKNOWN  # noqa: S301
