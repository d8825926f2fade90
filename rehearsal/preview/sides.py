"""The two sides of a preview: the base as git has it, the head as it lies there; both rehearsed in processes side by side."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rehearsal.preview.snapshot import EMPTY, Snapshot, load
from rehearsal.stack_file import stacks
from rehearsal.whole_file import write_whole
from tools.cache import cache_folder, lock_key

_STACK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_KEPT = 40
_SECONDS = 300


class PreviewError(Exception):
    """No preview can be made; the message says what to mend."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """The commit to compare with. `behind` says that it has commits which the head lacks."""

    ref: str
    commit: str
    tree: str
    behind: bool


@dataclass(frozen=True, kw_only=True)
class Sides:
    """One stack's sides; `page` is the new one's report, `trouble` says why one of them could not be rehearsed."""

    stack: str
    old: Snapshot
    new: Snapshot
    page: str = ""
    trouble: str = ""


def find_base(root: Path, ref: str) -> Base:
    """The commit that a ref means; `PreviewError` when there is no such commit here."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit is None:
        if _git(root, "rev-parse", "--git-dir") is None:
            raise PreviewError("this is no git checkout: a preview compares the files here with a commit")
        raise PreviewError(
            f"BASE={ref}: there is no such commit here. A branch, a tag or a commit is wanted, such as origin/main; "
            "`git fetch` brings what the remote has (a shallow clone has one commit: fetch with more depth)"
        )
    tree = _git(root, "rev-parse", f"{commit}^{{tree}}") or commit
    behind = _git(root, "merge-base", "--is-ancestor", commit, "HEAD") is None
    return Base(ref=ref, commit=commit, tree=tree, behind=behind)


def rehearse(root: Path, base: Base, wanted: Sequence[str]) -> list[Sides]:
    """Both sides of the stacks that are wanted, or of all that either side has."""
    with tempfile.TemporaryDirectory(prefix="preview-") as folder:
        tree, old, new = Path(folder, "tree"), Path(folder, "old"), Path(folder, "new")
        for made in (old, new):
            made.mkdir()
        _check_out(root, base, tree)
        here, there = set(stacks(root)), set(stacks(tree))
        chosen = sorted(wanted or here | there)
        _refuse_unknown(chosen, here | there)
        cached = {stack: _cached(root, base, stack) for stack in chosen if stack in there}
        jobs = {
            tree: (old, [stack for stack, path in cached.items() if not path.exists()]),
            root: (new, [stack for stack in chosen if stack in here]),
        }
        _record_all(root, jobs)
        _keep(old, cached)
        sides = [_sides(stack, _read(old, stack, cached.get(stack)), _read(new, stack)) for stack in chosen]
        return [replace(one, page=_page(new / f"{one.stack}.html")) for one in sides]


def _record_all(root: Path, jobs: Mapping[Path, tuple[Path, Sequence[str]]]) -> None:
    """Rehearse the trees' stacks: as many processes as there are processors, since a second stack costs half of a first."""
    busy = sum(bool(stacks_) for _, stacks_ in jobs.values())
    shares = max(1, max(2, os.cpu_count() or 2) // max(1, busy))
    commands = [
        [sys.executable, "-m", "rehearsal.preview.record", "--tree", str(tree), "--into", str(into), *pages, *share]
        for tree, (into, stacks_) in jobs.items()
        for pages in ([["--pages"]] if tree == root else [[]])
        for share in (stacks_[place::shares] for place in range(shares))
        if share
    ]
    with ThreadPoolExecutor(max(1, len(commands))) as pool:
        for failure in pool.map(lambda command: _run(root, command), commands):
            if failure:
                raise PreviewError(failure)


def _run(root: Path, command: Sequence[str]) -> str:
    """What went wrong, beside what is written for each stack."""
    try:
        done = subprocess.run(  # noqa: S603 - this project's own module
            command, cwd=root, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"a rehearsal took longer than {_SECONDS} s"
    last = done.stderr.strip().rsplit("\n", 1)[-1]
    return f"a rehearsal ended with {done.returncode}: {last}" if done.returncode else ""


def _read(folder: Path, stack: str, cached: Path | None = None) -> Snapshot | str:
    """The side's snapshot, or why it does not stand; an empty one of a stack that the side does not have."""
    error = folder / f"{stack}.error"
    if error.exists():
        return error.read_text()
    path = cached or folder / f"{stack}.json"
    return load(path) if path.exists() else EMPTY


def _page(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _keep(folder: Path, cached: Mapping[str, Path]) -> None:
    """Move what was recorded of the base to where the next preview finds it."""
    for stack, path in cached.items():
        made = folder / f"{stack}.json"
        if made.exists():
            write_whole(path, made.read_text(), mode=0o600)
        if path.exists():
            os.utime(path)


def _sides(stack: str, old: Snapshot | str, new: Snapshot | str) -> Sides:
    if isinstance(new, str):
        return Sides(stack=stack, old=EMPTY, new=EMPTY, trouble=f"As it is here, the stack does not stand.\n{new}")
    if isinstance(old, str):
        return Sides(
            stack=stack,
            old=EMPTY,
            new=EMPTY,
            trouble=f"The base's stack does not stand, so nothing can be compared.\n{old}",
        )
    return Sides(stack=stack, old=old, new=new)


def _refuse_unknown(chosen: Iterable[str], known: set[str]) -> None:
    for stack in chosen:
        if stack not in known:
            raise PreviewError(
                f"there is no stack '{stack}' on either side: they have {', '.join(sorted(known))} (Pulumi.<stack>.yaml)"
            )
        if not _STACK.fullmatch(stack):
            raise PreviewError(f"{stack!r} is not a stack's name: letters, digits, - and _ make one")


def _cached(root: Path, base: Base, stack: str) -> Path:
    """Where the base's snapshot is kept: it depends on the base's tree, and on what rehearses and judges it."""
    folder = cache_folder("preview")
    judges = sorted(path for part in ("rehearsal", "policy") for path in (root / part).rglob("*.py"))
    key = hashlib.sha256(f"{base.tree} {stack} {lock_key([*judges, root / 'requirements.txt'])} {sys.version}".encode())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        old.unlink(missing_ok=True)
    return folder / f"{key.hexdigest()[:24]}.json"


def _check_out(root: Path, base: Base, folder: Path) -> None:
    """The base's files in a folder of their own; the checkout is not touched."""
    archive = subprocess.run(  # noqa: S603
        ["git", "archive", "--format=tar", base.commit],  # noqa: S607
        cwd=root,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        raise PreviewError(f"git cannot give the files of {base.ref}: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, `None` when it refuses."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip() if done.returncode == 0 else None
