"""Files for containers, in ConfigMaps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import pulumi

from infra.components.cluster.metadata import Identity
from infra.components.cluster.objects import KubernetesObject

CHECKSUM_ANNOTATION = "checksum/config"


def checksum(files: Mapping[str, str]) -> dict[str, str]:
    """A pod's annotation that changes with the files: a pod does not notice by itself that they did."""
    return {CHECKSUM_ANNOTATION: hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()}


def config_files(name: str, identity: Identity, files: Mapping[str, str], opts: pulumi.ResourceOptions) -> None:
    """A ConfigMap named like the workload, whose keys are the files' names."""
    KubernetesObject(
        f"{name}-files", "v1/ConfigMap", metadata=identity.metadata(), body={"data": dict(files)}, opts=opts
    )
