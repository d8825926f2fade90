"""Outsiders' linters on both stacks: what they find is mended, or listed with its reason in `findings.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording
from tests.outsiders import run
from tests.outsiders.listed import listed, stale, unexplained
from tests.tools import required_outsiders, required_tool

pytestmark = pytest.mark.judges


def judged(judge: str, found: set[tuple[str, str]]) -> None:
    new, old = unexplained(judge, found, listed()), stale(judge, found, listed())
    if new:
        pytest.fail(
            "\n".join(["mend it, or list it in tests/outsiders/findings.yaml with the reason:", *new]), pytrace=False
        )
    if old:
        pytest.fail("\n".join(["nothing of it is found any more: take it out of findings.yaml:", *old]), pytrace=False)


def test_checkov(dev: Recording, prod: Recording, tmp_path: Path) -> None:
    python = required_outsiders()
    for name in ("dev", "prod"):
        (tmp_path / name).mkdir()
    judged("checkov", run.checkov(python, dev, tmp_path / "dev") | run.checkov(python, prod, tmp_path / "prod"))


def test_kube_score(prod: Recording, dev: Recording, tmp_path: Path) -> None:
    program = required_tool("kube-score")
    found = set()
    for name, recording in (("dev", dev), ("prod", prod)):
        (tmp_path / name).mkdir()
        write_manifests(recording, tmp_path / name)
        found |= run.kube_score(program, tmp_path / name)
    judged("kube-score", found)


def test_parliament(prod: Recording, dev: Recording) -> None:
    python = required_outsiders()
    judged("parliament", run.parliament(python, dev) | run.parliament(python, prod))
