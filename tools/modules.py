"""Go modules that are read, not compiled: the versions are in the go.mod of a folder here, the checksums in its go.sum."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def pinned(folder: str, module: str) -> str:
    """The version of a module that the folder's go.mod requires: `v1.2.3`."""
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", (_HERE / folder / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{_HERE / folder}/go.mod does not require {module}")
    return found[1]


def download(folder: str, module: str) -> Path:
    """The folder of a module's source, in Go's own cache; SystemExit with Go's words when it is not served."""
    done = subprocess.run(  # noqa: S603
        ["go", "mod", "download", "-json", f"{module}@{pinned(folder, module)}"],  # noqa: S607
        cwd=_HERE / folder, check=False, capture_output=True, text=True,
    )  # fmt: skip
    answer = json.loads(done.stdout or "{}")
    if done.returncode:
        raise SystemExit(f"{module}: {answer.get('Error') or done.stderr}")
    return Path(answer["Dir"])
