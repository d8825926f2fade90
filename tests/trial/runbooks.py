"""What the runbooks say to do with nodes, as it is written there, and kubectl to do it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.stacks import ROOT
from tests.tools import required_tool
from tests.trial.standing import TENANTS, Standing

FOLDER = ROOT / "docs/runbooks"
UPGRADE, LOSS, UPDATE = "eco2-kubernetes-upgrade.md", "eco2-node-loss.md", "eco2-update.md"
STUCK = "stuck-release.md"


def kubectl(trial: Standing, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [required_tool("kubectl"), f"--kubeconfig={trial.cluster.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def text_of(runbook: str) -> str:
    """In one line."""
    return " ".join((FOLDER / runbook).read_text().split())


def drain_of(runbook: str) -> list[str]:
    """The options with which a runbook drains a node."""
    found = re.findall(r"kubectl drain \S+ (--[^\n`]+)", (FOLDER / runbook).read_text())
    assert len(set(found)) == 1, f"{runbook} drains in several ways: {found}"
    return str(found[0]).split()


def crowded_of(runbook: str) -> set[str]:
    """The nodes on which a runbook has a drain go past the budgets: by name, or all workers of the tenants."""
    found = re.search(r"[Oo]n `(k8s-[a-z-]+)` and on a tenants' worker add `--disable-eviction`", text_of(runbook))
    assert found, f"{runbook} does not say where a drain goes past the budgets"
    return {found[1], *TENANTS}
