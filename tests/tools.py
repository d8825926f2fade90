"""Programs that judge what the project makes: without one its tests skip on a laptop, and fail where CI must have it."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from rehearsal.engine.build import find_engine
from tools.cache import cache_folder
from tools.chart_sources import find_charts
from tools.crds import find_crds
from tools.go_tools import TOOLS, find
from tools.kafka_tools import find_kafka
from tools.mongosh import find_mongosh
from tools.outsiders import find_outsiders
from tools.python_host import find_python_host


def missing(what: str) -> NoReturn:
    """Skip with the reason, or fail with it in CI."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def required_tool(name: str) -> Path:
    """A program of `tools/go_tools.py`, as it was built from its pinned module."""
    found = _tool(name, cache_folder())
    return found or missing(f"{name} is not built: `python -m tools.go_tools {name}` does it (needs Go)")


def required_engine() -> Path:
    """The Pulumi engine that `make up` would take."""
    found = _engine(shutil.which("pulumi"), cache_folder())
    return found or missing("no Pulumi engine: `make engine` builds it (needs Go), or put `pulumi` on PATH")


def required_python_host() -> Path:
    """The script by which Pulumi's Python host runs a program."""
    return find_python_host() or missing(
        "Pulumi's Python host is not fetched: `python -m tools.python_host` does it (needs Go)"
    )


def required_kafka() -> Path:
    """The folder with a broker, Strimzi's classes and the definitions of its kinds."""
    return find_kafka() or missing("Kafka is not fetched: `python -m tools.kafka_tools` does it (needs Maven)")


def required_definitions() -> Path:
    """The folder with the operators' definitions of their kinds; Strimzi's are in `required_kafka() / "crds"`."""
    return find_crds() or missing("the operators' definitions are not fetched: `python -m tools.crds` does it")


def required_charts() -> Path:
    """The folder with every chart that a Go module has, by its release."""
    return find_charts() or missing("charts are not fetched: `python -m tools.chart_sources` does it")


def required_outsiders() -> Path:
    """The Python that has outsiders' linters and the browser's driver."""
    return find_outsiders() or missing("outsiders' linters are not installed: `python -m tools.outsiders` does it")


def required_mongosh() -> Path:
    """MongoDB's own shell."""
    return find_mongosh() or missing("mongosh is not installed: `python -m tools.mongosh` does it (needs Node)")


def required_command(name: str) -> Path:
    """A program on PATH."""
    found = shutil.which(name)
    return Path(found) if found else missing(f"{name} is not installed")


# To look is to start the program, which takes some as long as a test: each is looked for once, in each place.


@cache
def _tool(name: str, _place: Path) -> Path | None:
    return find(TOOLS[name])


@cache
def _engine(_on_path: str | None, _place: Path) -> Path | None:
    return find_engine()
