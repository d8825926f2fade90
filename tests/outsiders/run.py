"""Runs outsiders' linters on what was recorded."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording
from rehearsal.report.saved import Masker
from tests.outsiders.listed import Found
from tests.outsiders.terraform import written

_PARLIAMENT = Path(__file__).with_name("parliament_run.py")


def checkov(python: Path, recording: Recording, folder: Path) -> Found:
    """On the AWS resources as a plan, and on the rendered objects."""
    plan, manifests = folder / "tfplan.json", folder / "manifests"
    plan.write_text(written(recording, Masker(recording)))
    manifests.mkdir()
    write_manifests(recording, manifests)
    found = _checkov(python, "-f", plan, "--framework", "terraform_plan")
    return found | _checkov(python, "-d", manifests, "--framework", "kubernetes")


def _checkov(python: Path, *arguments: str | Path) -> Found:
    options = ["--output", "json", "--quiet", "--compact", "--skip-download"]
    said = json.loads(_run([python, "-m", "checkov.main", *arguments, *options], {0, 1}))
    assert said["summary"]["passed"] > 500, said["summary"]
    assert said["summary"]["parsing_errors"] == 0
    return {(one["check_id"], one["resource"]) for one in said["results"]["failed_checks"]}


def kube_score(program: Path, manifests: Path) -> Found:
    """On the rendered objects; what it skips, it does not find."""
    files = sorted(manifests.rglob("*.yaml"))
    objects = json.loads(_run([program, "score", "--output-format", "json", *files], {0, 1}))
    assert sum(len(one["checks"]) for one in objects) > 300
    return {
        (check["check"]["id"], one["object_name"])
        for one in objects
        for check in one["checks"]
        if check["grade"] < 10 and not check.get("skipped")
    }


def parliament(python: Path, recording: Recording) -> Found:
    """On every IAM policy."""
    policies = {
        one.name: Masker(recording)(one["policy"])
        for type_ in ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")
        for one in recording.of(type_)
    }
    assert len(policies) > 20
    said: list[dict[str, Any]] = json.loads(_run([python, _PARLIAMENT], {0}, json.dumps(policies)))
    return {(one["issue"], one["policy"]) for one in said}


def _run(command: list[str | Path], allowed: set[int], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode in allowed, done.stderr[-2000:]
    return done.stdout
