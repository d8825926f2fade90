"""What the page of the first run says that programs say when something is missing: they are asked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks import ROOT
from tests.tools import required_engine, required_python_host
from tests.witness.provider_source import source

pytestmark = pytest.mark.verify
PAGE = (ROOT / "docs/first-run.md").read_text()
MISSING = {
    row[1]: re.findall(r"`([^`]+)`", row[2])
    for row in re.finditer(r"^\| ([^|]+) \| [^|]+ \| ([^|]*) \|$", PAGE, re.MULTILINE)
}


def told(row: str) -> str:
    """The message in the last column of the first table's row that begins so."""
    (found,) = [messages for what, messages in MISSING.items() if what.startswith(row)]
    assert len(found) == 1
    return str(found[0])


def said(folder: Path, *command: str | Path, **environment: str) -> str:
    """By a command in an empty home, with nothing of this machine's around it."""
    surroundings = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PULUMI_HOME": str(folder), **environment}
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_a_python_without_the_packages_is_told(tmp_path: Path) -> None:
    assert told("Python") in said(tmp_path, sys.executable, "-I", "-S", required_python_host())


def test_a_missing_provider_is_told(tmp_path: Path) -> None:
    command = (required_engine(), "package", "get-schema", "aws")
    assert told("providers") in said(tmp_path, *command, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION="true")


def test_no_place_for_the_state_is_told(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: edge-platform\nruntime: python\n")
    command = (required_engine(), "preview", "-s", "prod", "--non-interactive")
    assert told("a place for the state") in said(tmp_path, *command, PULUMI_SKIP_UPDATE_CHECK="true")


def test_a_certificate_is_waited_for_as_long_as_the_page_says() -> None:
    (minutes,) = re.findall(r"up to (\d+) minutes", PAGE)
    assert f"Create: schema.DefaultTimeout({minutes} * time.Minute)" in source("acm/certificate_validation.go")
