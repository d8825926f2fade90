"""The rig's own promises."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mesh.processes import Program, wait_until
from tests.stacks import ROOT
from tests.tools import missing

STARTS_A_PROGRAM = """
import sys, time
from pathlib import Path
from tests.mesh.processes import Program

program = Program(["/bin/sh", "-c", "echo $$ > $0; exec sleep 300", sys.argv[1]], Path(sys.argv[1] + ".log"))
time.sleep(300)
"""


def _runs(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_programs_end_when_the_tests_are_killed(tmp_path: Path) -> None:
    if not shutil.which("setpriv"):
        missing("setpriv is not installed")
    note = tmp_path / "process"
    with subprocess.Popen([sys.executable, "-c", STARTS_A_PROGRAM, note], cwd=ROOT) as tests:
        wait_until(lambda: note.exists() and note.read_text().endswith("\n"), "the program to start")
        program = int(note.read_text())
        assert _runs(program)
        os.kill(tests.pid, signal.SIGKILL)
    wait_until(lambda: not _runs(program), "the program to end", patience=5)


def test_a_program_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    program = Program(["/bin/sh", "-c", "echo no such flag; exit 3"], tmp_path / "log")
    with pytest.raises(RuntimeError, match="sh ended with 3:\nno such flag"):
        program.wait(lambda: False)
