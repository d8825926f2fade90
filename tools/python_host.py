"""Fetches the script by which Pulumi's Python host runs a program: `python -m tools.python_host`.

Pulumi's releases bring it along; it is in the Go module of the SDK, whose version is the Python SDK's in requirements.txt.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from tools.cache import cache_folder, make_folder, say

_REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
_MODULE = "github.com/pulumi/pulumi/sdk/v3"
_SCRIPT = "pulumi-language-python-exec"


def sdk_version() -> str:
    """The version of the Python SDK that the project pins."""
    return str(re.findall(r"^pulumi==(\S+)", _REQUIREMENTS.read_text(), re.MULTILINE)[0])


def find_python_host() -> Path | None:
    """The script as it was fetched before, of just this version."""
    return _script() if _script().exists() else None


def fetch_python_host() -> Path:
    """Fetch it unless it is there already; its path."""
    make_folder(_script().parent, _fill)
    return _script()


def _script() -> Path:
    return cache_folder("python-host", sdk_version(), _SCRIPT)


def _fill(folder: Path) -> None:
    wanted = f"{_MODULE}@v{sdk_version()}"
    say(f"fetching {_SCRIPT} of {wanted}")
    done = subprocess.run(["go", "mod", "download", "-json", wanted], check=False, capture_output=True, text=True)  # noqa: S603, S607
    answer = json.loads(done.stdout or "{}")
    if done.returncode:
        raise SystemExit(f"{wanted}: {answer.get('Error') or done.stderr}")
    shutil.copyfile(Path(answer["Dir"]) / "python/cmd" / _SCRIPT, folder / _SCRIPT)


if __name__ == "__main__":
    print(fetch_python_host())
