"""A failing test is named while others still run, also where several processes share them out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks import ROOT

CONFTEST = """
from tests.failing import Failing

def pytest_configure(config):
    config.pluginmanager.register(Failing())
"""
TESTS = """
def test_good():
    pass

def test_bad():
    assert False
"""


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "--numprocesses", "2")])
def test_it_is_named_before_the_summary(options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_two.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "."],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    before, _, _ = done.stdout.partition("FAILURES")
    assert "failed in its call: test_two.py::test_bad" in before.splitlines()
    assert "test_good" not in before
