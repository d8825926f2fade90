"""Outsiders' linters on both stacks: what they find is mended, or listed with its reason in `findings.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording
from rehearsal.report.saved import Masker
from tests.outsiders import run, tally
from tests.outsiders.listed import listed, stale, unexplained
from tests.outsiders.run import Judged
from tests.outsiders.terraform import written
from tests.tools import required_kafka, required_outsiders, required_tool

pytestmark = pytest.mark.judges


def explained(judge: str, judged: Judged) -> None:
    new, old = unexplained(judge, judged.found, listed()), stale(judge, judged.found, listed())
    if new:
        pytest.fail(
            "\n".join(["mend it, or list it in tests/outsiders/findings.yaml with the reason:", *new]), pytrace=False
        )
    if old:
        pytest.fail("\n".join(["nothing of it is found any more: take it out of findings.yaml:", *old]), pytrace=False)
    tally.leave(judge, judged)


@pytest.fixture(scope="module")
def manifests(dev: Recording, prod: Recording, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What each stack renders, its tenants' objects too."""
    folders = []
    for name, recording in (("dev", dev), ("prod", prod)):
        folders.append(tmp_path_factory.mktemp(name))
        write_manifests(recording, folders[-1])
    return folders


def test_checkov(dev: Recording, prod: Recording, tmp_path: Path) -> None:
    python = required_outsiders()
    for name in ("dev", "prod"):
        (tmp_path / name).mkdir()
    explained("checkov", run.checkov(python, dev, tmp_path / "dev") + run.checkov(python, prod, tmp_path / "prod"))


def test_kube_score(manifests: list[Path]) -> None:
    program = required_tool("kube-score")
    one, other = (run.kube_score(program, folder) for folder in manifests)
    explained("kube-score", one + other)


def test_kubeconform(manifests: list[Path], tmp_path: Path) -> None:
    program, strimzi = required_tool("kubeconform"), required_kafka() / "crds"
    one, other = (run.kubeconform(program, strimzi, folder, tmp_path / folder.name) for folder in manifests)
    explained("kubeconform", one + other)


def test_kubeconform_notices_a_field_that_a_kind_does_not_have(manifests: list[Path], tmp_path: Path) -> None:
    program, strimzi = required_tool("kubeconform"), required_kafka() / "crds"
    _, prod = manifests
    for kind, field in (("Deployment", "replicas"), ("VirtualService", "hosts"), ("KafkaTopic", "partitions")):
        path, good = next(
            (path, text)
            for path in sorted(prod.rglob("*.yaml"))
            if (text := path.read_text()).startswith("apiVersion")
            and f"\nkind: {kind}\n" in text
            and f"  {field}:" in text
        )
        path.write_text(good.replace(f"  {field}:", f"  {field}x:", 1))
        try:
            found = run.kubeconform(program, strimzi, prod, tmp_path / kind).found
        finally:
            path.write_text(good)
        assert {resource.partition("/")[0] for _, resource in found} == {kind}


def test_parliament(prod: Recording, dev: Recording) -> None:
    python = required_outsiders()
    explained("parliament", run.parliament(python, dev) + run.parliament(python, prod))


def test_trivy(dev: Recording, prod: Recording, tmp_path: Path) -> None:
    program = required_tool("trivy")
    for name in ("dev", "prod"):
        (tmp_path / name).mkdir()
    explained("trivy", run.trivy(program, dev, tmp_path / "dev") + run.trivy(program, prod, tmp_path / "prod"))


def test_trivy_notices_a_plan_and_a_manifest_that_are_spoiled(
    prod: Recording, manifests: list[Path], tmp_path: Path
) -> None:
    """Of each, what a rule goes by is another: its rules see what they are shown, blocks and references too."""
    program, (_, folder) = required_tool("trivy"), manifests
    plan = tmp_path / "plan.json"
    good = written(prod, Masker(prod))
    plan.write_text(good.replace('"block_public_acls": true', '"block_public_acls": false'))
    assert "AWS-0086" in {check for check, _ in run.trivy_on_plan(program, plan, 1).found}
    path = next(path for path in sorted(folder.rglob("apps_v1-deployment-*.yaml")))
    text = path.read_text()
    path.write_text(text.replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"))
    try:
        found = run.trivy_on_manifests(program, folder).found
    finally:
        path.write_text(text)
    assert len([one for one in found if one[0] == "KSV-0001"]) == 1
