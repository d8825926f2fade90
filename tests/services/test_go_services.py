"""The services written in Go, held to their own tests and linters."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.stacks import ROOT
from tests.tools import required_command

pytestmark = pytest.mark.verify

SERVICES = sorted(path.parent for path in (ROOT / "services").glob("*/go.mod"))
CHECKS = {
    "formatted": ("gofmt", "-l", "cmd", "internal"),
    "vetted": ("go", "vet", "./..."),
    "analysed": ("go", "tool", "-modfile=tools/go.mod", "staticcheck", "./..."),
    "tested": ("go", "test", "-race", "./..."),
    "locked": ("go", "mod", "tidy", "-diff"),
}


@pytest.mark.parametrize("check", list(CHECKS))
@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_service(service: Path, check: str) -> None:
    required_command("go")
    required_command("redis-server")
    done = subprocess.run(
        CHECKS[check], cwd=service, capture_output=True, text=True, check=False, env={**os.environ, "CI": "true"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if check == "formatted":
        assert done.stdout == ""
