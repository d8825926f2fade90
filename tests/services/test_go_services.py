"""What is written in Go here, held to its own tests and linters: the services, and the mesh's control plane for the tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.stacks import ROOT
from tests.tools import required_command
from tools.go_tools import MESH

pytestmark = pytest.mark.verify

LINTERS = ROOT / "services/ext-authz/tools/go.mod"
"""The module that pins staticcheck, for all of them."""


SERVICES = sorted(path.parent for path in (ROOT / "services").glob("*/go.mod"))
CHECKS = {
    "formatted": ("gofmt", "-l", "."),
    "vetted": ("go", "vet", "./..."),
    "analysed": ("go", "tool", f"-modfile={LINTERS}", "staticcheck", "./..."),
    "locked": ("go", "mod", "tidy", "-diff"),
    "tested": ("go", "test", "-race", "./..."),
}
ANYWHERE = {"GOFLAGS": "-trimpath"}
"""What Go remembers is then of use to every clone on the machine; else it knows its files by where they are."""
AS_BUILT = {"CGO_ENABLED": "0", "GOFLAGS": f"-trimpath -tags={MESH.tags}"}
"""The flags with which the control plane is built: with others, Go would compile all of Istio once more."""


def said(folder: Path, check: str, settings: Mapping[str, str]) -> str:
    """What is wrong; empty when nothing is."""
    required_command("go")
    environment = {**os.environ, "CI": "true", **settings}
    done = subprocess.run(CHECKS[check], cwd=folder, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 0 and check != "formatted":
        return ""
    return done.stdout + done.stderr


@pytest.mark.parametrize("check", list(CHECKS))
@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_service(service: Path, check: str) -> None:
    required_command("redis-server")
    assert said(service, check, ANYWHERE) == ""


@pytest.mark.parametrize("check", [check for check in CHECKS if check != "tested"])
def test_the_control_plane_of_the_tests(check: str) -> None:
    """It has no tests of its own: those of the mesh are."""
    assert said(MESH.folder, check, AS_BUILT) == ""
