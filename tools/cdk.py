"""Fetches aws-cdk-lib from PyPI and keeps what tests read of it: `python -m tools.cdk`. Its version: cdk/requirements.txt.

The wheel carries the JavaScript library as an archive, so neither Node nor an installation is needed to read it.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from tools.cache import cache_folder, lock_key, make_folder, say

REQUIREMENTS = Path(__file__).resolve().parent / "cdk/requirements.txt"
KEPT = re.compile(
    r"package/(region-info|aws-cloudfront|aws-route53-targets|aws-elasticloadbalancingv2|aws-rds|aws-iam)/lib/[\w-]+(\.generated)?\.js"
)
"""Which of the library's files, of which there are 160 MB."""


def find_cdk() -> Path | None:
    """The folder of the library as it was fetched before by just these requirements."""
    return _folder() if _folder().exists() else None


def fetch_cdk() -> Path:
    """Fetch the library unless it is there already; its folder."""
    return make_folder(_folder(), _fill)


def cdk_version() -> str:
    found = re.search(r"^aws-cdk-lib==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{REQUIREMENTS} does not require aws-cdk-lib")
    return found[1]


def _folder() -> Path:
    return cache_folder("cdk", lock_key([REQUIREMENTS, Path(__file__).resolve()]))


def _fill(folder: Path) -> None:
    started = time.monotonic()
    say("fetching aws-cdk-lib (60 MB)")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    with tempfile.TemporaryDirectory() as draft:
        subprocess.run([*pip, "--require-hashes", "--dest", draft, "-r", REQUIREMENTS], check=True)  # noqa: S603
        (wheel,) = Path(draft).glob("*.whl")
        _unpack(wheel, folder)
    say(f"fetched in {time.monotonic() - started:.0f} s")


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as outer:
        (archive,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(archive))) as inner:
            inner.extractall(folder, (one for one in inner if KEPT.fullmatch(one.name)), filter="data")


if __name__ == "__main__":
    print(fetch_cdk())
