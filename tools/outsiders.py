"""Installs outsiders' linters and the browser's driver, apart from `.venv`: `python -m tools.outsiders`.

Their versions are in outsiders/requirements.txt. Only `make judges` asks for them; the browser itself is the distribution's.
"""

from __future__ import annotations

import subprocess
import sys
import time
import venv
from pathlib import Path

from tools.cache import cache_folder, lock_key, make_folder, say

REQUIREMENTS = Path(__file__).resolve().parent / "outsiders" / "requirements.txt"


def find_outsiders() -> Path | None:
    """The Python that has them, as it was made before by just these requirements."""
    python = _folder() / "bin" / "python"
    return python if python.exists() else None


def install_outsiders() -> Path:
    """Install them unless they are there already; the Python that has them."""
    return make_folder(_folder(), _fill) / "bin" / "python"


def _folder() -> Path:
    return cache_folder("outsiders", f"{lock_key([REQUIREMENTS])}-{sys.version_info.major}.{sys.version_info.minor}")


def _fill(folder: Path) -> None:
    started = time.monotonic()
    say("installing checkov, parliament and playwright (250 MB)")
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", REQUIREMENTS], check=True)  # noqa: S603
    say(f"installed in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    print(install_outsiders())
