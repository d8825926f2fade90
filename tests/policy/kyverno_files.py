"""Runs Kyverno's own command over its policies, as the pipeline does: without a cluster, the engine of its controller."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.mesh.manifests import Manifest
from tests.tools import required_tool


def kyverno(
    policies: Path, objects: Mapping[str, Manifest], folder: Path, *more: str, undecided: str = "never"
) -> dict[str, set[str]]:
    """The names of the policies that refuse an object, by the object's key.

    One that cannot decide is an AssertionError, unless it is as good as a refusal (`undecided="refused"`), as its
    `failurePolicy: Fail` says.
    """
    folder.mkdir()
    names = {f"tried-{number}": key for number, key in enumerate(objects)}
    file = folder / "objects.json"
    made = [{**objects[key], "metadata": {**objects[key]["metadata"], "name": name}} for name, key in names.items()]
    file.write_text("\n---\n".join(json.dumps(one) for one in made))
    command: list[str | Path] = [
        "apply",
        policies,
        "--resource",
        file,
        "--policy-report",
        "--output-format",
        "json",
        *more,
    ]
    done = run(*command)
    # 1: it refuses something; without a report it could not look.
    assert done.returncode in {0, 1}, done.stderr
    found: dict[str, set[str]] = {key: set() for key in objects}
    for result in _results(done.stdout):
        assert result["result"] in {"pass", "fail", *(["error"] if undecided == "refused" else ())}, result
        for resource in result["resources"]:
            if result["result"] != "pass":
                found[names[resource["name"]]].add(result["policy"].rpartition("/")[2])
    return found


def run(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [required_tool("kubectl-kyverno"), *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1", **(environment or {})},
    )  # fmt: skip


def _results(said: str) -> Iterator[Mapping[str, Any]]:
    """Of every report in what it says; there must be one."""
    reports = list(_documents(said))
    assert reports, said
    for report in reports:
        yield from _of(report)


def _of(report: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    nested = [result for one in report.get("items") or () for result in _of(one)]
    return [*nested, *(report.get("results") or ())]


def _documents(said: str) -> Iterator[Mapping[str, Any]]:
    """The JSON objects among its other lines."""
    reader, at = json.JSONDecoder(), said.find("{")
    while at >= 0:
        found, end = reader.raw_decode(said, at)
        yield found
        at = said.find("{", end)
