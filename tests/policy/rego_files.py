"""Runs conftest and opa over the Rego rules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.mesh.manifests import Manifest
from tests.tools import required_tool


def conftest(policies: Path, objects: Mapping[str, Manifest], folder: Path) -> dict[str, set[str]]:
    """The names of the rules that find something, by the object's key."""
    folder.mkdir()
    files = {str(folder / f"{number}.json"): key for number, key in enumerate(objects)}
    for file, key in files.items():
        Path(file).write_text(json.dumps(objects[key]))
    done = _run([required_tool("conftest"), "test", "--policy", policies, "--output", "json", "--no-color", folder])
    # 1: it found something; without an answer it could not look.
    assert done.returncode in {0, 1}, done.stderr
    assert done.stdout, done.stderr
    answers = json.loads(done.stdout)
    assert {one["filename"] for one in answers} == {*files}
    return {files[one["filename"]]: {found["metadata"]["rule"] for found in _failures(one)} for one in answers}


def _failures(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    assert answer["successes"] + len(answer.get("failures") or ()) > 0, "no rule was asked"
    return list(answer.get("failures") or ())


def opa(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return _run([required_tool("opa"), *arguments])


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
