"""`make up` where there is an engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rehearsal.__main__ import main
from tests.rehearsal.small_program import make_small
from tests.rehearsal.test_cli import project, rehearsal
from tests.tools import required_engine

__all__ = ["project"]
pytestmark = pytest.mark.verify


def reported(project: Path) -> list[str]:
    return [one["urn"] for one in json.loads((project / ".rehearsal/dev/resources.json").read_text())["resources"]]


def test_with_an_engine_up_goes_through_it_and_reports_the_same_resources(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    required_engine()
    make_small(project)
    done = rehearsal(project, "up", "--stack", "dev")
    assert done.returncode == 0, done.stdout
    assert "on the Pulumi engine" in done.stdout
    on_engine = reported(project)
    # The same command in this process, which has imported what it needs; the engine is there now too.
    monkeypatch.chdir(project)
    assert main(["up", "--stack", "dev", "--in-process"]) == 0
    assert "on the Pulumi engine" not in capsys.readouterr().out
    assert reported(project) == on_engine != []
