"""`make up` where there is an engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rehearsal.small_program import make_small
from tests.rehearsal.test_cli import project, rehearsal
from tests.tools import required_engine

__all__ = ["project"]
pytestmark = pytest.mark.verify


def test_with_an_engine_up_goes_through_it_and_reports_the_same_resources(project: Path) -> None:
    required_engine()
    make_small(project)
    reported = []
    for way in ([], ["--in-process"]):
        done = rehearsal(project, "up", "--stack", "dev", *way)
        assert done.returncode == 0, done.stdout
        assert ("on the Pulumi engine" in done.stdout) is (not way)
        found = json.loads((project / ".rehearsal/dev/resources.json").read_text())["resources"]
        reported.append([one["urn"] for one in found])
    assert reported[0] == reported[1]
