"""What CI runs says what it took, step by step, also when a step fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.stacks import ROOT

MAKE = """#!/usr/bin/env bash
echo "made $1"
for ((i = 0; i < 20000; i++)); do :; done
[[ $1 != "$FAILING" ]]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The script alone, beside a `make` that makes nothing, and an `apt-get` that has nothing to do."""
    for name in (".ci", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    for name, text in {"make": MAKE, "apt-get": "#!/bin/sh\n"}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def ci(project: Path, failing: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{project / 'bin'}:{os.environ['PATH']}", "FAILING": failing}
    return subprocess.run([project / ".ci/run"], env=environment, capture_output=True, text=True, check=False)


def test_it_runs_every_target_and_says_at_the_end_what_each_took(project: Path) -> None:
    done = ci(project)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^made (\w+)$", done.stdout, re.M) == ["tools", "test", "runs", "verify"]
    for target in ("tools", "test", "runs", "verify"):
        assert re.search(rf"^  make {target}: \d+\.\d in \d+\.\d$", done.stdout, re.M)
    assert re.fullmatch(r"CI took \d+\.\d \(a cold run may take 60\) in \d+\.\d", done.stdout.splitlines()[-1])


def test_what_children_take_is_counted(project: Path) -> None:
    # A clock that ticks once per second: hundredths are counted as if they were seconds.
    (project / "bin/getconf").write_text("#!/bin/sh\necho 1\n")
    (project / "bin/getconf").chmod(0o755)
    (total,) = re.findall(r"^CI took (\d+\.\d)", ci(project).stdout, re.M)
    assert float(total) >= 0.1


def test_a_step_that_fails_ends_it_and_is_told_with_what_was_spent(project: Path) -> None:
    done = ci(project, failing="runs")
    assert done.returncode == 1
    assert "made verify" not in done.stdout
    assert "make test:" in done.stdout
    assert "make runs:" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("CI took ")
