"""A single server with a persistent volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.accounts import service_account
from infra.components.cluster.config_files import checksum, config_files
from infra.components.cluster.metadata import Identity
from infra.components.cluster.objects import KubernetesObject
from infra.components.cluster.pods import Pod, pod_template
from infra.components.cluster.workload import Port, service_body
from infra.components.component import PlatformComponent


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The persistent volume: the name by which the pod mounts it, its StorageClass and its size."""

    name: str
    storage_class: str
    gib: int


@dataclass(frozen=True, kw_only=True)
class StatefulServerArgs:
    """`files` become a ConfigMap named like the workload; `protect` guards the StatefulSet, which holds data."""

    identity: Identity
    pod: Pod
    port: Port
    claim: Claim
    files: Mapping[str, str]
    protect: bool


class StatefulServer(PlatformComponent):
    """One pod that always gets the same volume; the volume stays when the StatefulSet goes.

    Resources: a ServiceAccount, a ConfigMap, a Service, a StatefulSet.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:StatefulServer"

    def __init__(self, name: str, args: StatefulServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        identity = args.identity
        service_account(name, identity, self.child)
        config_files(name, identity, args.files, self.child)
        KubernetesObject(
            f"{name}-service",
            "v1/Service",
            metadata=identity.metadata(),
            body=service_body(identity, args.port),
            opts=self.child,
        )
        KubernetesObject(
            f"{name}-statefulset",
            "apps/v1/StatefulSet",
            metadata=identity.metadata({"argocd.argoproj.io/sync-options": "Prune=false"}),
            body=statefulset_body(args),
            opts=self.guarded(args.protect),
        )
        self.register_outputs({})


def statefulset_body(args: StatefulServerArgs) -> dict[str, Any]:
    """The StatefulSet, without its metadata. Its Service has an address: a proxy balances to it as to any other."""
    identity, claim = args.identity, args.claim
    pod = replace(args.pod, annotations={**args.pod.annotations, **checksum(args.files)})
    return {
        "spec": {
            "serviceName": identity.name,
            "replicas": 1,
            "revisionHistoryLimit": 5,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate"},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "selector": {"matchLabels": identity.selector},
            "template": pod_template(pod, account=identity.name, labels=identity.labels),
            "volumeClaimTemplates": [
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": claim.name, "labels": identity.selector},
                    "spec": {
                        "accessModes": ["ReadWriteOncePod"],
                        "storageClassName": claim.storage_class,
                        "volumeMode": "Filesystem",
                        "resources": {"requests": {"storage": f"{claim.gib}Gi"}},
                    },
                }
            ],
        }
    }
