"""`python -m rehearsal`: what goes wrong is one readable message and an exit code.

One is called as make does it; the others in this process, since each of its own takes two seconds to start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rehearsal.__main__ import main
from rehearsal.inprocess import ProgramFailed
from rehearsal.workspace import InUse, Workspace
from tests.stacks import ROOT

COPIED = (
    "infra",
    "policy",
    "rehearsal",
    "deploy",
    "services",
    "tools",
    "__main__.py",
    "Pulumi.yaml",
    "Pulumi.dev.yaml",
    "Pulumi.prod.yaml",
)


def copy_project(folder: Path) -> Path:
    """The project elsewhere: its stack files may be spoilt, and its `.rehearsal` is its own."""
    for name in COPIED:
        if name.startswith("Pulumi."):
            shutil.copy(ROOT / name, folder)
        else:
            (folder / name).symlink_to(ROOT / name)
    (folder / "rehearsal").unlink()
    shutil.copytree(ROOT / "rehearsal", folder / "rehearsal")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


def rehearsal(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rehearsal", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(project: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Carries the command out in this process: its exit code, and all that it said."""

    def carry_out(*arguments: str) -> tuple[int, str]:
        status = main(arguments, project)
        said = capsys.readouterr()
        return status, said.out + said.err

    return carry_out


def spoil(project: Path, old: str, new: str) -> None:
    path = project / "Pulumi.dev.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_unknown_stack_is_answered_with_the_stacks_there_are(project: Path) -> None:
    done = rehearsal(project, "up", "--stack", "nope")
    assert done.returncode == 2
    assert "there is no stack 'nope': the project has dev, prod" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_wrong_settings_are_all_named_and_nothing_is_made(project: Path, command: Command) -> None:
    spoil(project, "enable_multi_az: false", "enable_multi_az: tripple")
    spoil(project, "bucket_prefix: wealist-dev", "bucket_prefix: Wealist_Dev")
    status, said = command("up", "--stack", "dev")
    assert status == 2
    assert "Pulumi.dev.yaml has 2 errors" in said
    assert "wealist.enable_multi_az: 'tripple'" in said
    assert "wealist.bucket_prefix: 'Wealist_Dev'" in said
    assert "Traceback" not in said
    assert not (project / ".rehearsal").exists()


def test_a_stack_file_that_is_no_yaml_is_named_with_its_line(project: Path, command: Command) -> None:
    spoil(project, "  aws:region: ap-northeast-2", "  aws:region: [")
    status, said = command("up", "--stack", "dev")
    assert status == 2
    assert "Pulumi.dev.yaml, line" in said
    assert "Traceback" not in said


def test_down_without_a_rehearsal_says_that_there_is_nothing(project: Path, command: Command) -> None:
    status, said = command("down", "--stack", "dev")
    assert status == 0
    assert "nothing to remove for stack dev" in said


def test_down_never_leaves_the_rehearsals_folder(project: Path, command: Command) -> None:
    status, said = command("down", "--stack", "../infra")
    assert status == 2
    assert "'../infra' is not a stack's name" in said
    assert (project / "infra").exists()


def test_a_run_that_fails_leaves_the_previous_result(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "dev")
    with workspace.draft() as draft:
        (draft / "resources.json").write_text("first")
    with contextlib.suppress(ProgramFailed), workspace.draft() as draft:
        (draft / "resources.json").write_text("second")
        raise ProgramFailed
    assert (workspace.folder / "resources.json").read_text() == "first"
    assert list(workspace.folder.parent.iterdir()) == [workspace.folder]


def test_a_run_that_succeeds_replaces_the_previous_result_whole(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "dev")
    with workspace.draft() as draft:
        (draft / "old").touch()
    with workspace.draft() as draft:
        (draft / "new").touch()
    assert [path.name for path in workspace.folder.iterdir()] == ["new"]
    assert list(workspace.folder.parent.iterdir()) == [workspace.folder]


def test_a_stack_is_rehearsed_by_one_at_a_time(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "dev")
    with workspace.draft():
        pass
    workspace.serve("http://127.0.0.1:5566")
    with workspace.locked():
        assert Workspace(tmp_path, "dev").is_taken()
        with pytest.raises(InUse, match=r"served at http://127.0.0.1:5566 by process \d+: `make down STACK=dev`"):
            workspace.remove()
    assert not workspace.is_taken()


def test_down_lets_a_process_be_whose_lock_is_not_taken(project: Path, command: Command) -> None:
    workspace = Workspace(project, "dev")
    with workspace.draft():
        pass
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        workspace.cloud_file.write_text(f'{{"url": "http://127.0.0.1:5566", "pid": {bystander.pid}}}')
        status, said = command("down", "--stack", "dev")
        assert status == 0
        assert "removed .rehearsal/dev" in said
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
