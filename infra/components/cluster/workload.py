"""Stateless workloads: APIs and queue workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.accounts import service_account
from infra.components.cluster.metadata import Identity
from infra.components.cluster.objects import KubernetesObject
from infra.components.cluster.pods import Pod, pod_template
from infra.components.component import PlatformComponent


@dataclass(frozen=True, kw_only=True)
class Port:
    """A Service's port, by the container port's name; `protocol` (`http`, `grpc`, `tcp`) tells Istio what it carries."""

    name: str
    number: int
    protocol: str


def service_body(identity: Identity, port: Port) -> dict[str, Any]:
    """A ClusterIP Service of one port, the same inside and outside the pod."""
    return {
        "spec": {
            "type": "ClusterIP",
            "selector": identity.selector,
            "ports": [
                {
                    "name": port.name,
                    "port": port.number,
                    "targetPort": port.name,
                    "protocol": "TCP",
                    "appProtocol": port.protocol,
                }
            ],
        }
    }


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """`port` is None for what nobody calls, as a queue's worker."""

    identity: Identity
    pod: Pod
    port: Port | None = None
    replicas: int = 1


class Workload(PlatformComponent):
    """A new pod is ready before an old one stops; more than one replica is drained one at a time.

    Resources: a ServiceAccount, a Deployment; a Service where there is a port; a PodDisruptionBudget where there are replicas.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:Workload"

    def __init__(self, name: str, args: WorkloadArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        identity = args.identity
        service_account(name, identity, self.child)
        KubernetesObject(
            f"{name}-deployment",
            "apps/v1/Deployment",
            metadata=identity.metadata(),
            body=deployment_body(args),
            opts=self.child,
        )
        if args.port:
            KubernetesObject(
                f"{name}-service",
                "v1/Service",
                metadata=identity.metadata(),
                body=service_body(identity, args.port),
                opts=self.child,
            )
        if args.replicas > 1:
            KubernetesObject(
                f"{name}-budget",
                "policy/v1/PodDisruptionBudget",
                metadata=identity.metadata(),
                body=budget_body(identity),
                opts=self.child,
            )
        self.register_outputs({})


def deployment_body(args: WorkloadArgs) -> dict[str, Any]:
    """The Deployment, without its metadata."""
    identity = args.identity
    return {
        "spec": {
            "replicas": args.replicas,
            "revisionHistoryLimit": 5,
            "progressDeadlineSeconds": 300,
            "selector": {"matchLabels": identity.selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": pod_template(args.pod, account=identity.name, labels=identity.labels),
        }
    }


def budget_body(identity: Identity) -> dict[str, Any]:
    """One pod at a time may be evicted; a broken one always, so that it does not hold up a drain."""
    return {
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": identity.selector},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
    }
