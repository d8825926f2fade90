"""The steps by which a deployment judges the exchange's manifests, each as the workflow writes it: they pass what prod renders, and
each stops at what is wrong.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording
from tests.stacks import ROOT
from tests.tools import required_tool
from tests.workflows.files import named
from tools.delivery_judges import JUDGES

pytestmark = pytest.mark.judges

POLICIES = "deploy/exchange/policies"
STEPS = {
    found[1]: step["run"]
    for step in named("deploy-stack.yml").jobs["judged"]["steps"]
    if (found := re.search(r"tools\.delivery_judges ([\w-]+)", step.get("run", "")))
}


@dataclass
class Checkout:
    """The repository, with policies of its own, and what the job before left in `runner/manifests`."""

    folder: Path
    runner: Path

    def run(self, judge: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", STEPS[judge]],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env={**os.environ, "RUNNER_TEMP": str(self.runner)},
        )  # fmt: skip

    def edit(self, path: Path, change: Callable[[dict[str, object]], object]) -> None:
        content = yaml.safe_load(path.read_text())
        change(content)
        path.write_text(yaml.safe_dump(content))

    def object(self, kind: str, name: str) -> Path:
        (found,) = [
            path
            for path in (self.runner / "manifests/exchange").rglob("*.yaml")
            if (one := yaml.safe_load(path.read_text()))["kind"] == kind and one["metadata"]["name"] == name
        ]
        return found


@pytest.fixture
def checkout(prod: Recording, tmp_path: Path) -> Checkout:
    for tool in ("kubeconform", "opa", "conftest", "kubectl-kyverno"):
        required_tool(tool)
    folder, runner = tmp_path / "checkout", tmp_path / "runner"
    folder.mkdir()
    for one in (*ROOT.iterdir(), ROOT / ".venv"):
        if one.name != "deploy" and not (folder / one.name).exists():
            (folder / one.name).symlink_to(one)
    shutil.copytree(ROOT / POLICIES, folder / POLICIES)
    write_manifests(prod, runner / "manifests")
    return Checkout(folder, runner)


@pytest.mark.parametrize("judge", JUDGES)
def test_what_prod_renders_passes_every_step(checkout: Checkout, judge: str) -> None:
    done = checkout.run(judge)
    assert done.returncode == 0, done.stdout + done.stderr


def _misspelled(checkout: Checkout) -> str:
    checkout.edit(checkout.object("Rollout", "svc-wallet"), lambda one: one["spec"].update(replicaz=2))  # type: ignore[attr-defined]
    return "replicaz"


def _plain_text(checkout: Checkout) -> str:
    path = checkout.object("PeerAuthentication", "default")
    checkout.edit(path, lambda one: one["spec"]["mtls"].update(mode="PERMISSIVE"))  # type: ignore[index]
    return "mesh-mtls-no-exception"


def _rule_gone(checkout: Checkout) -> str:
    (checkout.folder / POLICIES / "rego/mesh-mtls-no-exception.rego").unlink()
    return "FAIL"


def _policy_that_finds_nothing(checkout: Checkout) -> str:
    path = checkout.folder / POLICIES / "kyverno/mesh-mtls-no-exception.yaml"
    checkout.edit(path, lambda one: one["spec"].update(validations=[{"message": "x", "expression": "true"}]))  # type: ignore[attr-defined]
    return "1 tests failed"


WRONG: dict[str, Callable[[Checkout], str]] = {
    "kubeconform": _misspelled,
    "opa-test": _rule_gone,
    "conftest": _plain_text,
    "kyverno-test": _policy_that_finds_nothing,
    "kyverno": _plain_text,
}


@pytest.mark.parametrize("judge", JUDGES)
def test_each_step_stops_at_what_is_wrong(checkout: Checkout, judge: str) -> None:
    word = WRONG[judge](checkout)
    done = checkout.run(judge)
    assert done.returncode == 1, done.stdout + done.stderr
    assert word in done.stdout + done.stderr


def test_a_kind_that_nobody_describes_is_an_error(checkout: Checkout) -> None:
    path = checkout.object("Rollout", "svc-wallet")
    checkout.edit(path, lambda one: one.update(kind="Rollouts"))
    done = checkout.run("kubeconform")
    assert (done.returncode, "nobody describes argoproj.io/v1alpha1 Rollouts" in done.stderr) == (1, True)


@pytest.mark.parametrize("judge", JUDGES)
def test_nothing_to_look_at_is_an_error(checkout: Checkout, judge: str) -> None:
    shutil.rmtree(checkout.runner / "manifests/exchange")
    (checkout.runner / "manifests/exchange").mkdir()
    assert checkout.run(judge).returncode == 1


def test_a_stack_without_the_exchange_passes(checkout: Checkout) -> None:
    shutil.rmtree(checkout.runner / "manifests/exchange")
    assert checkout.run("kubeconform").returncode == 0
