"""Makes `.venv` and installs locked requirements into it: `python3 tools/install.py STAMP REQUIREMENTS...`.

Only the standard library, and syntax that an old Python can read, so that it can say what it wants. `make` calls it when a
requirements file is newer than the stamp; the stamp holds what was installed, so that a mere touch installs nothing.
"""

import hashlib
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

OLDEST = (3, 11)
UV = Path(__file__).parent / "uv" / "requirements.txt"
"""Installs in seconds from a cache that all of a user's projects share; pip takes over where it cannot be had."""
BY_HASH = ("--quiet", "--require-hashes")
"""What arrives is what `make lock` saw, or nothing is installed."""


def main(stamp, *requirements):
    if sys.version_info < OLDEST:
        wanted, have = (".".join(map(str, version)) for version in (OLDEST, sys.version_info[:3]))
        return (
            f"Python {wanted} or newer is needed; {sys.executable} is {have}. Say which one: make PYTHON=python3.12 …"
        )
    stamp = Path(stamp)
    wanted = " ".join(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        install(stamp.parent, requirements)
    stamp.write_text(wanted)
    return 0


def install(folder, requirements):
    started = time.monotonic()
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder} with {sys.executable}", flush=True)
        venv.create(folder, with_pip=True)
    files = [word for file in requirements for word in ("-r", file)]
    print(f"installing {', '.join(requirements)} (700 MB the first time)", flush=True)
    done = run(python, "-m", "pip", "install", *BY_HASH, "-r", UV) and run(
        python, "-m", "uv", "pip", "install", *BY_HASH, "--python", python, *files
    )
    if not done:
        print("uv cannot be had here, or did not get to its end: pip does it, in a few minutes", flush=True)
        done = run(python, "-m", "pip", "install", *BY_HASH, *files)
    if not done:
        sys.exit("the packages could not be installed")
    print(f"installed in {time.monotonic() - started:.0f} s", flush=True)


def run(*command):
    status = subprocess.run(command, check=False).returncode  # noqa: S603
    if status < 0:
        print(f"{command[2]} was ended by {signal.Signals(-status).name}", flush=True)
    return status == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
