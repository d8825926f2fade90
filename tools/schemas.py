"""Whether events and calls stay readable for who reads them: `python -m tools.schemas [COMMIT]`, or `… record`.

buf compares the .proto files with those of a commit, or with what was recorded of them last: a field or a message may come, none
may go, or get another name, number or type. `record` writes down what there is now, unless it breaks what was recorded before.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tools import protoc
from tools.go_tools import BUF, build

ROOT = Path(__file__).resolve().parents[1]
RECORDED = protoc.PROTOS / "recorded.binpb"
"""Every message and method, as it was recorded last."""
RULES = '{"version": "v2", "breaking": {"use": ["FILE"]}}'
BROKEN = 100
"""buf's exit status for what breaks; any other but 0 is its own failure."""


def broken(now: Path, before: Path) -> list[str]:
    """What breaks whoever knows `before`, a line each; both are sets of descriptors."""
    compare = [str(build(BUF)), "breaking", str(now), "--against", str(before), "--exclude-imports", "--config", RULES]
    done = subprocess.run(compare, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in (0, BROKEN):
        raise RuntimeError(f"buf cannot compare {now} with {before}: {done.stderr}")
    found: list[str] = done.stdout.splitlines()
    return found


def broken_since(commit: str, root: Path = ROOT) -> list[str]:
    """What breaks whoever knows the .proto files of that commit; nothing, where it had none."""
    place = str(protoc.PROTOS.relative_to(ROOT))
    if not _git(root, "ls-tree", "--name-only", commit, f"{place}/"):
        return []
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(_git(root, "archive", commit, place))) as archive:
            archive.extractall(folder, filter="data")
        now, before = Path(folder) / "now.binpb", Path(folder) / "before.binpb"
        protoc.describe_all(now, root / place)
        protoc.describe_all(before, Path(folder) / place)
        return broken(now, before)


def _git(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True).stdout  # noqa: S603, S607


def record() -> list[str]:
    """Write down what there is now; what it would break is returned instead."""
    with TemporaryDirectory() as folder:
        now = Path(folder) / "now.binpb"
        protoc.describe_all(now)
        found = broken(now, RECORDED) if RECORDED.exists() else []
        if not found:
            RECORDED.write_bytes(now.read_bytes())
        return found


def main(arguments: Sequence[str]) -> int:
    """Status 1 when something breaks, and what."""
    what = arguments[0] if arguments else "HEAD"
    found = record() if what == "record" else broken_since(what)
    for line in found:
        print(f"breaks who reads it: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
