"""Runs outsiders' linters on what was recorded."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording
from rehearsal.report.saved import Masker
from tests.outsiders.listed import Found
from tests.outsiders.terraform import written
from tools.object_schemas import TEMPLATE, schemas_for

_PARLIAMENT = Path(__file__).with_name("parliament_run.py")


@dataclass(frozen=True)
class Judged:
    """How much was looked at (resources, objects or policies), how many checks passed or failed on it, and what was found."""

    looked_at: int
    checks: int
    found: Found

    def __add__(self, other: Judged) -> Judged:
        return Judged(self.looked_at + other.looked_at, self.checks + other.checks, self.found | other.found)


def checkov(python: Path, recording: Recording, folder: Path) -> Judged:
    """On the AWS resources as a plan, and on the rendered objects."""
    plan, manifests = folder / "tfplan.json", folder / "manifests"
    plan.write_text(written(recording, Masker(recording)))
    manifests.mkdir()
    write_manifests(recording, manifests)
    judged = _checkov(python, "-f", plan, "--framework", "terraform_plan")
    return judged + _checkov(python, "-d", manifests, "--framework", "kubernetes")


def _checkov(python: Path, *arguments: str | Path) -> Judged:
    options = ["--output", "json", "--quiet", "--compact", "--skip-download"]
    said = json.loads(_run([python, "-m", "checkov.main", *arguments, *options], {0, 1}))
    summary = said["summary"]
    assert summary["passed"] > 500, summary
    assert summary["parsing_errors"] == 0
    found = {(one["check_id"], one["resource"]) for one in said["results"]["failed_checks"]}
    return Judged(summary["resource_count"], summary["passed"] + summary["failed"], found)


def kube_score(program: Path, manifests: Path) -> Judged:
    """On the rendered objects; what it skips, it does not find."""
    files = sorted(manifests.rglob("*.yaml"))
    objects = json.loads(_run([program, "score", "--output-format", "json", *files], {0, 1}))
    checks = [(one, check) for one in objects for check in one["checks"] if not check.get("skipped")]
    assert len(checks) > 300
    found = {(check["check"]["id"], one["object_name"]) for one, check in checks if check["grade"] < 10}
    return Judged(len(objects), len(checks), found)


def kubeconform(program: Path, definitions: Path, manifests: Path, schemas: Path) -> Judged:
    """Every field of every rendered object is one that its kind has, by what Kubernetes and the operators publish.

    `definitions` is the folder of those that Strimzi's own generator makes.
    """
    files = sorted(manifests.rglob("*.yaml"))
    objects = [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in files]
    schemas_for(objects, schemas, [definitions])
    options = ["-strict", "-summary", "-output", "json", "-schema-location", f"{schemas}/{TEMPLATE}"]
    said = json.loads(_run([program, *options, *files], {0, 1}))
    summary = said["summary"]
    # One that it skips or cannot read is not judged.
    assert (summary["skipped"], summary["errors"]) == (0, 0), summary
    assert summary["valid"] + summary["invalid"] == len(objects) > 200
    found = {
        (re.sub(r"\W+", "-", error["path"]).strip("-") or "object", f"{one['kind']}/{one['name']}")
        for one in said["resources"]
        for error in one.get("validationErrors") or [{"path": "object"}]
    }
    return Judged(len(objects), len(objects), found)


def parliament(python: Path, recording: Recording) -> Judged:
    """On every IAM policy."""
    policies = {
        one.name: Masker(recording)(one["policy"])
        for type_ in ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")
        for one in recording.of(type_)
    }
    assert len(policies) > 20
    said: list[dict[str, Any]] = json.loads(_run([python, _PARLIAMENT], {0}, json.dumps(policies)))
    return Judged(len(policies), len(policies), {(one["issue"], one["policy"]) for one in said})


def trivy(program: Path, recording: Recording, folder: Path) -> Judged:
    """On the AWS resources as a plan, and on the rendered objects."""
    plan, manifests = folder / "tfplan.json", folder / "manifests"
    plan.write_text(written(recording, Masker(recording)))
    manifests.mkdir()
    write_manifests(recording, manifests)
    resources = len(json.loads(plan.read_text())["resource_changes"])
    return trivy_on_plan(program, plan, resources) + trivy_on_manifests(program, manifests)


def trivy_on_plan(program: Path, plan: Path, resources: int) -> Judged:
    """It counts a check that finds nothing once, of however many resources."""
    checks, found = _trivy(program, "plan", plan)
    return Judged(resources, checks, found)


def trivy_on_manifests(program: Path, manifests: Path) -> Judged:
    files = sorted(manifests.rglob("*.yaml"))
    checks, found = _trivy(program, "manifests", manifests)
    assert checks > 10 * len(files), checks
    return Judged(len(files), checks, {(check, _object(manifests / file)) for check, file in found})


def _trivy(program: Path, *arguments: str | Path) -> tuple[int, set[tuple[str, str]]]:
    """How many checks it made, and what each found in what. What it cannot read it says on stderr, and passes over."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-2000:]
    said = json.loads(done.stdout)
    found = [(one["check"], one["resource"]) for one in said["findings"]]
    return said["passed"] + len(found), {*found}


def _object(path: Path) -> str:
    """The one in the file, as checkov calls it."""
    one = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    return ".".join([one["kind"], one["metadata"].get("namespace", "default"), one["metadata"]["name"]])


def _run(command: list[str | Path], allowed: set[int], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode in allowed, done.stderr[-2000:]
    return done.stdout
