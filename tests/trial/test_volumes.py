"""A volume that was attached to a lost machine: whom it belongs to until a new one is there, by the controllers that attach.

Pretended are what EBS' driver says of an attachment, and what a kubelet says of the volumes that it has mounted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mesh.manifests import Manifest
from tests.trial import volumes, world
from tests.trial.runbooks import LOSS, kubectl, text_of
from tests.trial.standing import TENANTS, Standing, eventually, standing, wait_for_nodes
from tests.trial.test_losses import QUICKENED, are_leaving, given_up, lose
from tools import modules

pytestmark = pytest.mark.judges

NODE = next(iter(TENANTS))
SPACE = "shop"
ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"
ATTACHED_BY_CONTROLLER = "volumes.kubernetes.io/controller-managed-attach-detach"
"""Every kubelet's annotation of its node."""

DATABASE: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "database", "namespace": SPACE},
    "spec": {
        "serviceName": "database",
        "replicas": 1,
        "selector": {"matchLabels": {"app": "database"}},
        "template": {
            "metadata": {"labels": {"app": "database"}},
            "spec": {
                "nodeSelector": {"kubernetes.io/hostname": NODE},
                "containers": [
                    {"name": "database", "image": "database", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
                ],
            },
        },
        "volumeClaimTemplates": [
            {
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "gp3-encrypted",
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        ],
    },
}


def worker(name: str = NODE) -> Manifest:
    made = world.tenant_node(name, "t3.xlarge", TENANTS[name])
    made["metadata"]["annotations"] = {ATTACHED_BY_CONTROLLER: "true"}
    return made


@pytest.fixture
def attached(tmp_path: Path) -> Iterator[Standing]:
    """A pod whose volume is attached to its node and mounted there. Where no node answers none is given up: there are others."""
    with standing(tmp_path, [], [*map(worker, TENANTS)], [DATABASE], QUICKENED) as running:
        running.settle()
        eventually(lambda: answered(running) == 1, "the volume to be attached")
        (one,) = attachments(running)
        volume = f"kubernetes.io/csi/{one['spec']['attacher']}^{handle(running)}"
        mounted = {"status": {"volumesInUse": [volume]}}
        assert running.server.request("PATCH", f"/api/v1/nodes/{NODE}/status", mounted).status == 200
        yield running


def attachments(trial: Standing) -> list[Manifest]:
    return trial.listed(ATTACHMENTS)


def handle(trial: Standing) -> str:
    (volume,) = trial.listed("/api/v1/persistentvolumes")
    return str(volume["spec"]["csi"]["volumeHandle"])


def answered(trial: Standing) -> int:
    """How many attachments the driver has said yes to."""
    volumes.provision(trial.server)
    for one in attachments(trial):
        if not one.get("status", {}).get("attached"):
            path = f"{ATTACHMENTS}/{one['metadata']['name']}/status"
            trial.server.request("PATCH", path, {"status": {"attached": True}})
    return sum(bool(one.get("status", {}).get("attached")) for one in attachments(trial))


def uids(trial: Standing) -> set[str]:
    return {one["metadata"]["uid"] for one in attachments(trial)}


def pods(trial: Standing) -> list[str]:
    return [one["spec"].get("nodeName", "") for one in trial.pods() if one["metadata"]["namespace"] == SPACE]


def lose_it(trial: Standing) -> None:
    lose(trial, [NODE])
    eventually(lambda: given_up(trial) == {NODE}, "the node to be given up")
    eventually(lambda: are_leaving(trial, [NODE]), "its pod to leave")


def test_the_runbooks_six_minutes_are_kubernetes_own_and_no_setting() -> None:
    source = modules.download("kubernetes", "k8s.io/kubernetes") / "pkg/controller/volume/attachdetach"
    assert re.search(
        r"ReconcilerMaxWaitForUnmountDuration:\s+6 \* time\.Minute",
        (source / "attach_detach_controller.go").read_text(),
    )
    assert "freed six minutes after its Node object is gone" in text_of(LOSS)


def test_a_volume_stays_with_a_lost_machine_until_a_new_one_is_there_under_its_name(attached: Standing) -> None:
    """Which says at once that it has nothing mounted."""
    assert "as soon as a new machine has joined under the old name" in text_of(LOSS)
    old = uids(attached)
    lose_it(attached)
    attached.delete(f"/api/v1/nodes/{NODE}")
    eventually(lambda: pods(attached) == [""], "the next pod to wait")
    assert uids(attached) == old
    assert attached.server.create(worker()).status == 201
    eventually(lambda: not old & uids(attached), "the volume to be free")
    wait_for_nodes(attached.server, len(TENANTS))
    eventually(lambda: answered(attached) == 1, "the volume to be attached again")
    attached.settle()
    assert pods(attached) == [NODE]


def test_a_machine_that_is_said_to_be_off_lets_go_of_its_volume_at_once(attached: Standing) -> None:
    command = f"taint node {NODE} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    assert command.replace(NODE, "<name>") in text_of(LOSS)
    old = uids(attached)
    lose_it(attached)
    assert uids(attached) == old
    assert kubectl(attached, *command.split()).returncode == 0
    eventually(lambda: not uids(attached), "the volume to be free")
    eventually(lambda: pods(attached) == [""], "the next pod to wait")
