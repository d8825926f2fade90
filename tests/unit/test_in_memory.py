"""Where tests write, on machines of every kind."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.in_memory import folder_in_memory

BLOCK = 4096


@pytest.mark.parametrize(
    ("gigabytes", "flags", "taken"),
    [(8, 0, True), (1, 0, False), (8, os.ST_NOEXEC, False), (8, os.ST_NOSUID, True)],
    ids=["good", "small", "nothing runs there", "as most are"],
)
def test_a_place_must_be_large_and_let_programs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gigabytes: int, flags: int, taken: bool
) -> None:
    found = SimpleNamespace(f_bavail=(gigabytes << 30) // BLOCK, f_frsize=BLOCK, f_flag=flags)
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    assert folder_in_memory(tmp_path) == (tmp_path if taken else None)


def test_a_machine_without_it_goes_on_with_its_disk(tmp_path: Path) -> None:
    assert folder_in_memory(tmp_path / "nowhere") is None
