"""Life goes on: nodes are drained by the runbooks' own commands and come back, and everything is updated where it stands.

The controllers, the scheduler and `kubectl` are the real ones; kwok plays kubelets. What the runbooks promise is what must happen.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mesh import eco2
from tests.mesh.manifests import Manifest, read
from tests.stacks import ROOT
from tests.tools import required_tool
from tests.trial import world
from tests.trial.standing import PATIENCE, Standing, nodes, reference, standing

pytestmark = pytest.mark.judges

RUNBOOKS = ROOT / "docs/runbooks"
TWO_ON_ONE = "k8s-api-auth"
"""Both pods of ext-authz are pinned to it: its budget lets the second go nowhere."""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return read(eco2.cluster_files(tmp_path_factory))


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, objects: list[Manifest]) -> Iterator[Standing]:
    workloads = world.workloads(tmp_path_factory.mktemp("injection"), objects)
    with standing(tmp_path_factory.mktemp("life"), objects, nodes(), workloads) as running:
        running.settle()
        yield running


def kubectl(trial: Standing, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [required_tool("kubectl"), f"--kubeconfig={trial.cluster.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def drain_of(runbook: str) -> list[str]:
    """The options with which a runbook drains a node."""
    found = re.findall(r"kubectl drain \S+ (--[^\n`]+)", (RUNBOOKS / runbook).read_text())
    assert len(set(found)) == 1, f"{runbook} drains in several ways: {found}"
    return str(found[0]).split()


UPGRADE, LOSS = "eco2-kubernetes-upgrade.md", "eco2-node-loss.md"


def where(trial: Standing) -> dict[str, str]:
    """The node of each running pod, by the pod's uid."""
    return {one["metadata"]["uid"]: one["spec"].get("nodeName", "") for one in trial.pods()}


def claims(trial: Standing) -> dict[str, tuple[str, str]]:
    """Each claim's own id and its volume."""
    return {
        reference(one): (one["metadata"]["uid"], one["spec"].get("volumeName", ""))
        for one in trial.listed("/api/v1/persistentvolumeclaims")
    }


def is_daemons(pod: Manifest) -> bool:
    return any(one["kind"] == "DaemonSet" for one in pod["metadata"].get("ownerReferences", ()))


def pods_on(trial: Standing, node: str) -> list[Manifest]:
    return [one for one in trial.on_nodes().get(node, ()) if not is_daemons(one)]


def test_the_two_runbooks_drain_alike() -> None:
    assert drain_of(UPGRADE) == drain_of(LOSS) == ["--ignore-daemonsets", "--delete-emptydir-data"]


def test_every_budget_lets_one_pod_go_while_all_are_well(trial: Standing) -> None:
    budgets = trial.listed("/apis/policy/v1/poddisruptionbudgets")
    assert len(budgets) > 8
    stuck = [reference(one) for one in budgets if one["status"]["disruptionsAllowed"] < 1]
    assert stuck == []


@pytest.mark.parametrize("node", [TWO_ON_ONE, "k8s-api-my"])
def test_a_node_is_drained_as_the_runbook_says_and_comes_back(trial: Standing, node: str) -> None:
    """Nobody else's pods are touched, its own wait for it, and what they keep is theirs again."""
    options = [*drain_of(UPGRADE), *(["--disable-eviction"] if node == TWO_ON_ONE else [])]
    before, kept = where(trial), claims(trial)
    assert pods_on(trial, node)
    done = kubectl(trial, "drain", node, *options, f"--timeout={PATIENCE:.0f}s")
    assert done.returncode == 0, done.stderr
    assert pods_on(trial, node) == []
    after = where(trial)
    assert {uid for uid, on in before.items() if on != node} <= after.keys()
    assert kubectl(trial, "uncordon", node).returncode == 0
    trial.settle()
    assert pods_on(trial, node)
    assert claims(trial) == kept


def test_the_runbooks_say_where_a_budget_would_never_let_the_last_pod_go() -> None:
    for runbook in (UPGRADE, LOSS):
        text = " ".join((RUNBOOKS / runbook).read_text().split())
        assert re.search(rf"`{TWO_ON_ONE}`[^.:]* `--disable-eviction`", text), runbook


def test_every_workload_can_be_updated_where_it_stands(trial: Standing) -> None:
    """A Deployment's new pod has room beside the old one; a StatefulSet's, whose old one goes first, comes back. A DaemonSet's old
    pod goes first too, and the new one asks for the same."""
    changed = {"spec": {"template": {"metadata": {"annotations": {"trial/version": "next"}}}}}
    for kind in ("deployments", "statefulsets"):
        for one in trial.listed(f"/apis/apps/v1/{kind}"):
            path = f"/apis/apps/v1/namespaces/{one['metadata']['namespace']}/{kind}/{one['metadata']['name']}"
            assert trial.server.request("PATCH", path, changed).status == 200
        # All of a kind at once is the worst that can happen: every node has one pod more of each.
        trial.settle()
