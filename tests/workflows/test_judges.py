"""actionlint, zizmor and shellcheck find nothing, and would: each is shown a workflow that is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import required_command, required_engine, required_tool
from tests.workflows.files import GITHUB, SHELL_SCRIPTS, WORKFLOWS

BAD = """
name: bad
on:
  pull_request_target:
jobs:
  bad:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v6
        with:
          ref: ${{ github.event.pull_request.head.sha }}
      - run: |
          echo ${{ github.event.pull_request.title }}
          cd $HOME
      - run: echo ${{ matrix.stack }}
"""
NEXT_TO_PYTHON = Path(sys.executable).parent


def beside(name: str) -> Path:
    """A program that came as a package."""
    program = NEXT_TO_PYTHON / name
    return program if program.exists() else required_command(name)


def judged(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def actionlint(*files: Path) -> tuple[int, str]:
    return judged(required_tool("actionlint"), "-no-color", "-shellcheck", beside("shellcheck"), *files)


def zizmor(place: Path) -> tuple[int, str]:
    config = GITHUB / "zizmor.yml"
    return judged(beside("zizmor"), "--offline", "--no-progress", "--persona", "auditor", "--config", config, place)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / ".github/workflows/bad.yml"
    path.parent.mkdir(parents=True)
    path.write_text(BAD)
    return path


@pytest.mark.verify
def test_actionlint_finds_nothing() -> None:
    assert actionlint(*(workflow.path for workflow in WORKFLOWS)) == (0, "")


@pytest.mark.verify
def test_actionlint_finds_a_bad_workflow(bad: Path) -> None:
    status, said = actionlint(bad)
    assert status == 1
    assert '"stack" is not defined' in said
    assert "potentially untrusted" in said
    assert "SC2086" in said


@pytest.mark.verify
def test_zizmor_finds_nothing() -> None:
    status, said = zizmor(GITHUB)
    assert status == 0, said
    assert "No findings to report" in said


@pytest.mark.verify
def test_zizmor_finds_a_bad_workflow(bad: Path) -> None:
    status, said = zizmor(bad)
    assert status != 0
    for audit in ("dangerous-triggers", "unpinned-uses", "template-injection", "excessive-permissions", "artipacked"):
        assert audit in said, audit


def test_every_exception_for_zizmor_has_its_reason() -> None:
    ignored = [
        line for path in GITHUB.rglob("*.yml") for line in path.read_text().splitlines() if "zizmor: ignore" in line
    ]
    assert len(ignored) == 1
    assert all(re.search(r"zizmor: ignore\[[\w-]+\] \w+", line) for line in ignored)
    disabled = re.findall(r"\n  ([\w-]+):\n(?:    # .+\n)+    disable: true", (GITHUB / "zizmor.yml").read_text())
    assert disabled == re.findall(r"\n  ([\w-]+):\n", (GITHUB / "zizmor.yml").read_text())


@pytest.mark.parametrize("script", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    assert judged(beside("shellcheck"), script) == (0, "")


def test_shellcheck_finds_a_bad_script(tmp_path: Path) -> None:
    (tmp_path / "bad.sh").write_text("#!/usr/bin/env bash\nrm -rf $1/\n")
    assert judged(beside("shellcheck"), tmp_path / "bad.sh")[0] == 1


@pytest.mark.parametrize("script", SHELL_SCRIPTS, ids=lambda path: path.name)
def test_a_script_stops_at_its_first_failure(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert next(line for line in lines[1:] if not line.startswith("#")) == "set -euo pipefail"


def pulumi_flags() -> set[tuple[str, str]]:
    """Each flag that a workflow or a script gives the CLI, with the command."""
    texts = [run for workflow in WORKFLOWS for run in workflow.runs()] + [path.read_text() for path in SHELL_SCRIPTS]
    calls = [
        call
        for text in texts
        for call in re.findall(r"\bpulumi ((?:stack )?[a-z]+ [^\n|]*)", text.replace("\\\n", " "))
        if "--stack" in call
    ]
    return {
        (re.match(r"(?:stack )?[a-z]+", call)[0], flag)  # type: ignore[index]
        for call in calls
        for flag in re.findall(r"--[a-z-]+", call)
    }


@pytest.mark.verify
def test_the_engine_knows_every_flag_that_it_is_given() -> None:
    flags = pulumi_flags()
    commands = {command for command, _ in flags}
    assert commands == {"up", "preview", "refresh", "stack export", "stack import"}
    help_of = {command: judged(required_engine(), *command.split(), "--help")[1] for command in commands}
    assert [(command, flag) for command, flag in flags if not re.search(rf"{flag}\b", help_of[command])] == []
