"""Where the project keeps what it builds and installs for itself: once per user, whatever the number of clones."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """`~/.cache/edge-platform/<parts>`; it need not be there."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "edge-platform", *parts)


def lock_key(sources: Iterable[Path]) -> str:
    """Names the content of the files that something is made from."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """One maker at a time: a second one waits, and then finds what the first one made."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_folder(target: Path, fill: Callable[[Path], None]) -> Path:
    """A folder that is there whole or not at all: `fill` fills a draft of it, unless it was made before."""
    with only_one(target.with_name(f"{target.name}.lock")):
        if not target.exists():
            draft = target.with_name(f"{target.name}.part")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            fill(draft)
            draft.rename(target)
    return target


def say(text: str) -> None:
    """Progress, beside what the command prints."""
    print(text, file=sys.stderr, flush=True)
