"""One line per resource of each stack: what a change adds, renames or removes shows as a diff of these files.

`python -m tests.systems.test_golden` writes them anew.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from rehearsal.recording import Recording
from tests.stacks import ROOT, stack_up

GOLDEN = ROOT / "tests" / "golden"
STACKS = ("dev", "prod")


def lines(recording: Recording) -> str:
    """Type, logical name, physical name and protection of each resource, sorted."""
    found = []
    for resource in recording:
        physical = resource.get("tags.Name") or resource.get("name") or resource.get("bucket") or ""
        short = resource.type.split(":")[-1] if resource.custom else resource.type
        found.append(f"{short:40} {resource.name:60} {physical}{'  [protected]' if resource.protect else ''}".rstrip())
    return "\n".join(sorted(found)) + "\n"


@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_is_as_recorded(stack: str, request: pytest.FixtureRequest) -> None:
    recording = request.getfixturevalue(stack)
    expected = (GOLDEN / f"{stack}.txt").read_text()
    assert lines(recording) == expected, "run `python -m tests.systems.test_golden` and read the diff"


if __name__ == "__main__":
    for name in sys.argv[1:] or STACKS:
        with tempfile.TemporaryDirectory() as folder, stack_up(name, Path(folder)) as (built, _):
            (GOLDEN / f"{name}.txt").write_text(lines(built))
            print(f"{name}: {len(built)} resources")
