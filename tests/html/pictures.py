"""The pictures of each system as they were looked at: `python -m tests.html.pictures` takes them anew, for both stacks.

They are compared as Chromium paints them, box by box and line by line, without their texts: the fonts of machines differ. What the
texts say is in tests/html/test_page.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.stacks import ROOT, stack_up
from tests.tools import required_command, required_outsiders

FOLDER = Path(__file__).parent / "pictures"
STACKS, SCHEMES = ("dev", "prod"), ("light", "dark")
DRAWN = ("wealist", "eco2", "exchange", "immersiverse", "gateway_lab")
"""The systems that have a picture; delivery's roles are a table."""

TOLERANCE = 40
"""Pixels that may differ, of some hundred thousand: the smallest box has 256 along its edge."""

SPOILED = "-spoiled"
"""The end of the names of pictures without one of their boxes."""


def taken(page: str, folder: Path) -> None:
    """`<system>-<scheme>.png` in the folder, and the same without one of its boxes."""
    (folder / "report.html").write_text(page)
    script = ROOT / "tests/html/take_pictures.py"
    _run([required_outsiders(), script, required_command("chromium"), folder / "report.html", folder])


def differing(pairs: Sequence[tuple[Path, Path]]) -> list[int]:
    """The pixels in which the pictures of each pair differ."""
    paths = [path for pair in pairs for path in pair]
    found: list[int] = json.loads(_run([required_outsiders(), ROOT / "tests/html/compare_pictures.py", *paths]))
    return found


def names() -> list[str]:
    return [f"{system}-{scheme}" for system in DRAWN for scheme in SCHEMES]


def stored(stack: str, name: str) -> Path:
    return FOLDER / f"{stack}-{name}.png"


def _run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def keep(pages: Mapping[str, str]) -> None:
    """Take those of each stack's page, and store what differs from what is stored."""
    FOLDER.mkdir(exist_ok=True)
    for stack, page in pages.items():
        with tempfile.TemporaryDirectory() as folder:
            taken(page, Path(folder))
            for name in names():
                new, old = Path(folder, f"{name}.png"), stored(stack, name)
                if not old.exists() or differing([(old, new)])[0]:
                    old.write_bytes(new.read_bytes())


def main() -> int:
    from rehearsal.html.page import page
    from tests.html.conftest import report_of

    pages = {}
    for stack in STACKS:
        with tempfile.TemporaryDirectory() as folder, stack_up(stack, Path(folder)) as (recording, _):
            pages[stack] = page(report_of(recording, stack))
    keep(pages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
