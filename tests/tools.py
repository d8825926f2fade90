"""Programs that judge what the project makes: without one its tests skip on a laptop, and fail where CI must have it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from tools.go_tools import TOOLS, find


def missing(what: str) -> NoReturn:
    """Skip with the reason, or fail with it in CI."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def required_tool(name: str) -> Path:
    """A program of `tools/go_tools.py`, as it was built from its pinned module."""
    found = find(TOOLS[name])
    return found or missing(f"{name} is not built: `python -m tools.go_tools {name}` does it (needs Go)")


def required_command(name: str) -> Path:
    """A program on PATH."""
    found = shutil.which(name)
    return Path(found) if found else missing(f"{name} is not installed")
