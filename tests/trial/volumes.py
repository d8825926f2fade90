"""What the EBS driver does, as the scheduler sees it: a volume in the zone of the node that was chosen for the first pod."""

from __future__ import annotations

from tests.cluster.api_server import ApiServer
from tests.mesh.manifests import Manifest

CHOSEN = "volume.kubernetes.io/selected-node"
ZONE = "topology.kubernetes.io/zone"
CLAIMS = "/api/v1/persistentvolumeclaims"


def provision(server: ApiServer) -> int:
    """Make a volume for each claim that waits for one; how many were made."""
    nodes = {one["metadata"]["name"]: one for one in server.request("GET", "/api/v1/nodes").body["items"]}
    waiting = [
        claim
        for claim in server.request("GET", CLAIMS).body["items"]
        if claim["status"]["phase"] == "Pending" and CHOSEN in claim["metadata"].get("annotations", {})
    ]
    made = [server.create(_volume(claim, nodes[claim["metadata"]["annotations"][CHOSEN]])) for claim in waiting]
    return sum(one.status == 201 for one in made)


def _volume(claim: Manifest, node: Manifest) -> Manifest:
    metadata, spec = claim["metadata"], claim["spec"]
    zone = {"key": ZONE, "operator": "In", "values": [node["metadata"]["labels"][ZONE]]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{metadata['uid']}"},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": spec["resources"]["requests"],
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": "Retain",
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{metadata['uid']}"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{key: metadata[key] for key in ("name", "namespace", "uid")},
            },
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}},
        },
    }
