"""What is written in Go here, held to its own tests and linters: the services, and the mesh's control plane for the tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.stacks import ROOT
from tests.tools import required_command
from tools.go_tools import ALERT_ROUTES, ARGOCD, COLLECTOR, MESH, REACH, TRIVY, GoTool, settings

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
AS_BUILT = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
"""The flags with which `tools/go_tools.py` builds: with others, Go would compile everything once more."""


def said(folder: Path, check: str, settings: Mapping[str, str]) -> str:
    """What is wrong; empty when nothing is."""
    required_command("go")
    environment = {**os.environ, "CI": "true", **settings}
    done = subprocess.run(CHECKS[check], cwd=folder, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 0 and check != "formatted":
        return ""
    return done.stdout + done.stderr


@pytest.mark.verify
@pytest.mark.parametrize("check", ["formatted", "locked", "vetted"])
@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_service(service: Path, check: str) -> None:
    assert said(service, check, AS_BUILT) == ""


@pytest.mark.verify
@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_services_own_tests_pass_with_the_race_detector(service: Path) -> None:
    required_command("redis-server")
    assert said(service, "tested", {"GOFLAGS": "-trimpath"}) == ""


@pytest.mark.judges
@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_staticcheck_finds_nothing_in_a_service(service: Path) -> None:
    assert said(service, "analysed", AS_BUILT) == ""


@pytest.mark.verify
@pytest.mark.parametrize("check", ["formatted", "locked"])
@pytest.mark.parametrize("program", [MESH, REACH, COLLECTOR], ids=lambda program: program.name)
def test_a_program_of_the_tests(program: GoTool, check: str) -> None:
    """They have no tests of their own: those that ask them are."""
    assert said(program.folder, check, AS_BUILT) == ""


@pytest.mark.judges
@pytest.mark.parametrize("check", ["formatted", "locked", "vetted"])
def test_the_operators_program(check: str) -> None:
    assert said(ALERT_ROUTES.folder, check, AS_BUILT) == ""


@pytest.mark.judges
@pytest.mark.parametrize("check", ["formatted", "locked"])
@pytest.mark.parametrize("program", [ARGOCD, TRIVY], ids=lambda program: program.name)
def test_a_program_of_many_modules(program: GoTool, check: str) -> None:
    """They are fetched for it alone."""
    assert said(program.folder, check, {**AS_BUILT, **settings(program)}) == ""


@pytest.mark.judges
@pytest.mark.parametrize("check", ["vetted", "analysed"])
def test_nothing_is_found_in_the_control_plane_of_the_tests(check: str) -> None:
    """Both go through all of Istio first, for what its functions are: that is what makes them dear."""
    assert said(MESH.folder, check, {**AS_BUILT, "GOFLAGS": f"-trimpath -tags={MESH.tags}"}) == ""
