"""The zone of the master, of which all but the master is lost: Kubernetes takes that for a fault of its own network.

With the rates of a real cluster, at which a node of a zone is given up every ten seconds.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mesh.manifests import Manifest
from tests.trial.runbooks import LOSS, text_of
from tests.trial.standing import Standing, eventually, is_ready, nodes, standing, wait_for_nodes
from tests.trial.test_losses import BESIDE_MASTER, QUICKENED, WITH_MASTER, forget, given_up, lose

pytestmark = pytest.mark.judges

FLAGS = {
    name: [one for one in flags if not one.startswith("--node-eviction-rate=")] for name, flags in QUICKENED.items()
}
EVERYWHERE: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "api", "namespace": "shop"},
    "spec": {
        "replicas": 3 * len(nodes()),
        "selector": {"matchLabels": {"app": "api"}},
        "template": {
            "metadata": {"labels": {"app": "api"}},
            "spec": {
                "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                "containers": [{"name": "api", "image": "api"}],
            },
        },
    },
}


def zone_states(trial: Standing) -> list[str]:
    """What the controllers took the master's zone for, one after the other."""
    said = trial.cluster.programs["kube-controller-manager"].text()
    return re.findall(rf'zone is now in new state" zone="[^"]*ap-northeast-2{WITH_MASTER}" newState="(\w+)"', said)


def test_most_is_not_given_up_until_somebody_says_that_the_machines_are_gone(tmp_path: Path) -> None:
    told = text_of(LOSS)
    assert "Of a zone of which 55 % or more but not all are silent it gives up no more" in told
    assert f"That is zone `{WITH_MASTER}` as long as the master answers" in told
    assert "`kubectl delete node <name>` for each of them" in told
    with standing(tmp_path, [], nodes(), [EVERYWHERE], FLAGS) as trial:
        trial.settle()
        assert trial.pods_on(*BESIDE_MASTER)
        lose(trial, BESIDE_MASTER)
        eventually(lambda: zone_states(trial)[-1:] == ["PartialDisruption"], "the zone to be taken for a fault")
        silent = {*BESIDE_MASTER} - given_up(trial)
        assert len(silent) > len(BESIDE_MASTER) / 2
        assert {"deletionTimestamp" in one["metadata"] for one in trial.pods_on(*silent)} == {False}
        forget(trial, BESIDE_MASTER)
        wait_for_nodes(trial.server, len(nodes()) - len(BESIDE_MASTER))
        trial.settle()
        assert all(map(is_ready, trial.pods()))
