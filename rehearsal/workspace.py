"""The folder of a stack's rehearsals, `.rehearsal/<stack>`: what the last good run left, and who is using it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rehearsal.stack_file import StackFileError
from rehearsal.whole_file import write_whole

_STACK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class InUse(Exception):
    """Another run has the stack; the message says which."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """A cloud that is kept running: where, and by which process."""

    url: str
    pid: int


class Workspace:
    """`.rehearsal/<stack>` of a project; its lock, `.rehearsal/<stack>.lock`, is held by whoever runs or serves the stack."""

    def __init__(self, root: Path, stack: str) -> None:
        if not _STACK.fullmatch(stack):
            raise StackFileError(f"{stack!r} is not a stack's name: letters, digits, - and _ make one")
        self.stack = stack
        self.folder = root / ".rehearsal" / stack
        self._lock = self.folder.with_name(f"{stack}.lock")

    @property
    def cloud_file(self) -> Path:
        return self.folder / "cloud.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Have the stack alone; `InUse` when somebody else has it. The lock goes with the process, however it ends."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(self._who()) from None
            yield

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A folder for a run's files: it becomes `folder` when the block ends well, and is gone when it does not."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f"{self.stack}.draft-", dir=self.folder.parent))
        try:
            yield draft
            self._swap_in(draft)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def served(self) -> Served | None:
        """The cloud that is being served, by what its process wrote; believe it only while the lock is taken."""
        try:
            return Served(**json.loads(self.cloud_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def serve(self, url: str) -> None:
        """Write down that this process serves the stack's cloud."""
        write_whole(self.cloud_file, json.dumps(asdict(Served(url=url, pid=os.getpid()))) + "\n")

    def serve_no_more(self) -> None:
        self.cloud_file.unlink(missing_ok=True)

    def is_taken(self) -> bool:
        """Whether somebody has the lock."""
        if not self._lock.exists():
            return False
        try:
            with self.locked():
                return False
        except InUse:
            return True

    def remove(self) -> list[Path]:
        """Remove everything of the stack, drafts that a killed run left among it; what was there."""
        with self.locked():
            drafts = self.folder.parent.glob(f"{self.stack}.draft-*")
            found = [path for path in (self.folder, *drafts) if path.exists()]
            for path in found:
                shutil.rmtree(path)
        return found

    def _swap_in(self, draft: Path) -> None:
        """Two renames: a reader finds the old files or the new ones, never a mixture."""
        before = draft.with_name(f"{draft.name}.before")
        if self.folder.exists():
            os.rename(self.folder, before)
        try:
            os.rename(draft, self.folder)
        except OSError:
            if before.exists():
                os.rename(before, self.folder)
            raise
        shutil.rmtree(before, ignore_errors=True)

    def _who(self) -> str:
        served = self.served()
        if served:
            return (
                f"stack {self.stack} is being served at {served.url} by process {served.pid}: "
                f"`make down STACK={self.stack}` ends it"
            )
        return f"another rehearsal of stack {self.stack} is running: wait for it, or end it"
