"""Whole previews: two commits of a small project, rehearsed side by side by the command line.

`python -m tests.preview.test_preview` writes the comment of the four dangers anew, in docs/preview.md too, and the picture there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.html.picture import picture_of
from tests.rehearsal.small_program import make_small
from tests.stacks import ROOT

pytestmark = pytest.mark.runs

PARTS = ("__main__.py", "Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "requirements.txt")
GOLDEN = ROOT / "tests/golden/preview.md"
PAGE = ROOT / "docs/preview.md"
_EXAMPLE = re.compile(r"(?<=````markdown\n)## Preview: .*?(?=\n````)", re.DOTALL)
PICTURE, PICTURED = ROOT / "docs/pictures/preview-wealist-groups.svg", "wealist-groups"
"""What docs/preview.md shows: one of prod's pictures, as the change of the four dangers makes it."""
FOLDERS = ("infra", "deploy", "rehearsal", "policy", "tools", "services")
Change = Callable[[Path], object]


def git(project: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=nobody", "-c", "user.email=nobody@example.com", *arguments],
        cwd=project, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bases are rehearsed once for the whole file, and nothing is left in the user's cache."""
    return tmp_path_factory.mktemp("cache")


def committed(folder: Path, prepare: Change = lambda _: None) -> Path:
    """This project, as the only commit of a repository."""
    folder.mkdir()
    for part in PARTS:
        shutil.copy(ROOT / part, folder)
    for part in FOLDERS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("node_modules", "*.test"))
    prepare(folder)
    (folder / ".gitignore").write_text("__pycache__/\n.rehearsal/\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "base")
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """For what does not depend on what the stacks are made of."""
    return committed(tmp_path / "project", make_small)


def preview(project: Path, cache: Path, *arguments: str, base: str = "main") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "COLUMNS": "160"}
    command = [sys.executable, "-m", "rehearsal", "preview", "--base", base, *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def replaced(project: Path, file: str, old: str, new: str) -> None:
    path = project / file
    text = path.read_text()
    assert old in text, f"{file} no longer has {old!r}"
    path.write_text(text.replace(old, new, 1))


def rows(comment: str) -> dict[str, list[int]]:
    """The table's numbers by stack: in danger, replaced, removed, changed, added."""
    found = re.findall(
        r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", comment.replace("*", ""), re.MULTILINE
    )
    return {stack: [int(number) for number in numbers] for stack, *numbers in found}


def four_dangers(project: Path) -> None:
    """What the documentation shows: docs/preview.md."""
    postgres = '    Edge(source="ec2", target="rds", port=5432, why="PostgreSQL"),\n'
    reports = '    Edge(source="anywhere", target="rds", port=5432, why="Reports"),\n'
    replaced(project, "infra/systems/wealist/document.py", postgres, postgres + reports)
    replaced(
        project,
        "infra/systems/wealist/data.py",
        'context.names.logical("database"),',
        'context.names.logical("main-database"),',
    )
    replaced(project, "Pulumi.prod.yaml", "deletion_protection: true", "deletion_protection: false")
    refresh = '    "/api/v1/auth/refresh",\n'
    replaced(project, "infra/systems/eco2/document.py", refresh, f'{refresh}    "/api/v1/my/*",\n')


def test_a_danger_ends_with_3_if_that_is_asked_for_and_bytes_are_the_same_again(small: Path, tmp_path: Path) -> None:
    replaced(small, "__main__.py", 'type="String"', 'type="SecureString"')
    replaced(small, "__main__.py", '"shop-note"', '"shop-notice"')
    comments = []
    for arguments, status in ((), 0), (("--fail-on-danger",), 3):
        done = preview(small, tmp_path / "cache", "--markdown", "--stack", "prod", *arguments)
        assert done.returncode == status, done.stdout
        comments.append(done.stdout)
    assert comments[0] == comments[1]


def test_a_stack_without_a_base_is_all_added_and_one_without_a_head_is_all_removed(small: Path, cache: Path) -> None:
    (small / "Pulumi.dev.yaml").rename(small / "Pulumi.try.yaml")
    done = preview(small, cache, "--markdown", "--stack", "try", "--stack", "dev")
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout) == {"try": [0, 0, 0, 0, 1], "dev": [1, 0, 1, 0, 0]}


def test_a_side_that_does_not_stand_is_a_message_and_no_trace(small: Path, cache: Path) -> None:
    """The base's prod and the head's dev."""
    replaced(small, "Pulumi.prod.yaml", "cidr: 10.1.0.0/16", "cidr: nonsense")
    git(small, "commit", "--quiet", "--all", "--message", "broken")
    replaced(small, "Pulumi.prod.yaml", "cidr: nonsense", "cidr: 10.1.0.0/16")
    replaced(small, "Pulumi.dev.yaml", "cidr: 10.11.0.0/16", "cidr: rubbish")
    done = preview(small, cache, "--markdown")
    assert done.returncode == 1
    dev, prod = done.stdout.partition("### prod is not compared")[::2]
    assert "### dev is not compared" in dev
    assert "As it is here, the stack does not stand" in dev
    assert "wealist.network.cidr: 'rubbish'" in dev
    assert "The base's stack does not stand" in prod
    assert "wealist.network.cidr: 'nonsense'" in prod
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("base", "arguments", "says"),
    [
        ("nowhere", (), "BASE=nowhere: there is no such commit here"),
        ("--output=x", (), "there is no such commit here"),
        ("main", ("--stack", "staging"), "there is no stack 'staging' on either side: they have dev, prod"),
    ],
)
def test_what_cannot_be_compared_is_said(
    small: Path, cache: Path, base: str, arguments: tuple[str, ...], says: str
) -> None:
    command = [sys.executable, "-m", "rehearsal", "preview", f"--base={base}", *arguments]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "COLUMNS": "300"}
    done = subprocess.run(command, cwd=small, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert says in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_what_does_not_differ_is_no_change_and_a_base_that_went_on_is_told_of(small: Path, cache: Path) -> None:
    git(small, "checkout", "--quiet", "-b", "topic")
    git(small, "checkout", "--quiet", "main")
    git(small, "commit", "--quiet", "--allow-empty", "--message", "more")
    git(small, "checkout", "--quiet", "topic")
    done = preview(small, cache, "--markdown", "--stack", "prod", "--fail-on-danger")
    assert done.returncode == 0, done.stderr
    assert "## Preview: no change" in done.stdout
    assert "###" not in done.stdout
    assert "`main` has commits that are missing here" in done.stdout


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Both stacks with the four dangers, compared with what is committed here; nothing was cached but compiled packages."""

    project: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    project = committed(tmp_path_factory.mktemp("whole") / "project")
    four_dangers(project)
    return compared(project, tmp_path_factory.mktemp("cache"))


def compared(project: Path, cache: Path) -> Whole:
    done = preview(project, cache, "--markdown", "--fail-on-danger")
    assert done.returncode == 3, done.stderr
    return Whole(project=project, done=done)


class TestBothStacks:
    """As a pull request has them: one cold run, for what it says."""

    def test_four_dangers_stand_on_top_of_the_comment_each_with_its_remedy(self, whole: Whole) -> None:
        project = whole.project
        comment = whole.done.stdout
        assert comment == (project / ".rehearsal/preview/comment.md").read_text()
        top = comment[: re.search(r"^### (?!In danger)|^<details>", comment, re.MULTILINE).start()]  # type: ignore[union-attr]
        for said, remedy in (
            ("created anew as `wealist-main-database-instance`", 'aliases=[pulumi.Alias(name="wealist-database")]'),
            ("`wealist-security-rds` is opened to the world: `tcp` port 5432 from `0.0.0.0/0`", "name who needs it"),
            ("`notPaths` gains `/api/v1/my/*`", "take `/api/v1/my/*` out of `notPaths` again"),
            ("`deletionProtection` `true` → `false`", "drop the protection in a change of its own"),
        ):
            assert said in top
            assert remedy in top
        # Nothing else differs: what two processes made up for the two sides is the same.
        assert rows(comment) == {"dev": [6, 0, 6, 3, 7], "prod": [8, 0, 6, 3, 7]}
        # The page shows what is said here.
        assert lasting(_EXAMPLE.search(PAGE.read_text())[0]) == lasting(shown(comment))  # type: ignore[index]
        assert str(project) not in (project / ".rehearsal/preview/preview.md").read_text()
        # The stacks as they will be, for whoever wants to see them.
        for stack in ("dev", "prod"):
            assert "wealist-main-database" in (project / f".rehearsal/preview/report-{stack}.html").read_text()
        # The policies of this commit judge both sides.
        assert "New policy findings" in comment
        assert "rds-deletion-protection" in comment

    def test_the_page_shows_a_picture_of_what_the_change_opens(self, whole: Whole) -> None:
        assert PICTURE.read_text() == pictured(whole), "run `python -m tests.preview.test_preview` and look at it"
        assert f"({PICTURE.relative_to(PAGE.parent)})" in PAGE.read_text()

    def test_every_byte_is_as_recorded(self, whole: Whole) -> None:
        """Whichever processes, however hashed, rehearsed the two sides."""
        expected = GOLDEN.read_text()
        assert lasting(whole.done.stdout) == expected, "run `python -m tests.preview.test_preview` and read the diff"


def shown(comment: str) -> str:
    """The top of a comment, as docs/preview.md shows it: what comes before the stacks' own sections."""
    return re.split(r"^### \w+: |^<details>", comment, maxsplit=1, flags=re.MULTILINE)[0].strip()


def pictured(whole: Whole) -> str:
    return picture_of((whole.project / ".rehearsal/preview/report-prod.html").read_text(), PICTURED)


def lasting(comment: str) -> str:
    """Without what any other change changes: the base's commit, how many resources stay as they are, and what all cost."""
    comment = re.sub(r"(?<=`main \()\w+", "…", comment)
    comment = re.sub(r"(?<=\| \$)[\d,]+(?= \|$)", "…", comment, flags=re.MULTILINE)
    return re.sub(r"^(\| `\w+` (?:\| [\d*]+ ){5}\| )\d+", r"\1…", comment, flags=re.MULTILINE)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        changed = committed(Path(folder, "project"))
        four_dangers(changed)
        made = compared(changed, Path(folder, "cache"))
        GOLDEN.write_text(lasting(made.done.stdout))
        PAGE.write_text(_EXAMPLE.sub(lambda _: shown(made.done.stdout), PAGE.read_text()))
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(pictured(made))
