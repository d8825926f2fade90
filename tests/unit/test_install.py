"""What `make` does when packages do not arrive: it says so, tries the other installer, and marks nothing as installed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks import ROOT

PYTHON = """#!/bin/sh
echo "$2 $3" >> {folder}/asked
[ "$2" = uv ] && {uv}
[ "$2" = pip ] && case "$*" in *uv/requirements.txt) exit 0 ;; esac
exit {pip}
"""


def install(folder: Path, *, uv: str, pip: int) -> tuple[subprocess.CompletedProcess[str], list[str], Path]:
    """With a Python in the environment whose uv and pip end so; what was said, what it was asked for, and the stamp."""
    stamp = folder / ".venv/.packages"
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(folder=folder, uv=uv, pip=pip))
    python.chmod(0o755)
    wanted = folder / "requirements.txt"
    wanted.write_text("nothing==1\n")
    done = subprocess.run(
        [sys.executable, ROOT / "tools/install.py", stamp, wanted],
        capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    return done, (folder / "asked").read_text().splitlines(), stamp


def test_uv_does_it_alone_where_it_can(tmp_path: Path) -> None:
    done, asked, stamp = install(tmp_path, uv="exit 0", pip=1)
    assert (done.returncode, asked) == (0, ["pip install", "uv pip"])
    assert stamp.read_text() == hashlib.sha256(b"nothing==1\n").hexdigest()


@pytest.mark.parametrize("ended", ["exit 2", "kill -9 $$"])
def test_pip_takes_over_where_uv_does_not_get_to_its_end(ended: str, tmp_path: Path) -> None:
    done, asked, stamp = install(tmp_path, uv=ended, pip=0)
    assert (done.returncode, asked) == (0, ["pip install", "uv pip", "pip install"])
    assert "pip does it" in done.stdout
    assert (f"uv was ended by {signal.SIGKILL.name}" in done.stdout) == ended.startswith("kill")
    assert stamp.exists()


def test_what_could_not_be_installed_is_tried_again_the_next_time(tmp_path: Path) -> None:
    done, _, stamp = install(tmp_path, uv="exit 2", pip=1)
    assert done.returncode == 1
    assert "the packages could not be installed" in done.stderr
    assert not stamp.exists()
