"""Finds the Pulumi engine: on PATH, or as `make engine` built it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tools.go_tools import PULUMI, answers, find


def find_engine() -> Path | None:
    """A usable `pulumi`: the one on PATH, else the one built before, else `None`."""
    on_path = shutil.which("pulumi")
    if on_path and answers(Path(on_path), PULUMI):
        return Path(on_path)
    return find(PULUMI)
