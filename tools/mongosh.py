"""Installs MongoDB's own shell, apart from everything else: `python -m tools.mongosh` (needs Node and npm).

Its version and what it is made of are in mongosh/package-lock.json. Only `make judges` asks for it.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from tools.cache import cache_folder, lock_key, make_folder, say

_PINS = Path(__file__).resolve().parent / "mongosh"
LOCKED = (_PINS / "package.json", _PINS / "package-lock.json")
# What is optional is native code, for ways to log in that nobody here has.
INSTALL = ("npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--silent")
"""What arrives is what the lock says, or nothing is installed; and no script of a package's runs."""


def find_mongosh() -> Path | None:
    """The program, as it was installed before by just this lock."""
    program = _program(_folder())
    return program if program.exists() else None


def install_mongosh() -> Path:
    """Install it unless it is there already; the program."""
    return _program(make_folder(_folder(), _fill))


def _program(folder: Path) -> Path:
    return folder / "node_modules" / ".bin" / "mongosh"


def _folder() -> Path:
    return cache_folder("mongosh", lock_key(LOCKED))


def _fill(folder: Path) -> None:
    started = time.monotonic()
    say("installing mongosh (150 MB)")
    for path in LOCKED:
        shutil.copy(path, folder)
    subprocess.run(INSTALL, cwd=folder, check=True)  # noqa: S603
    say(f"installed in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    print(install_mongosh())
