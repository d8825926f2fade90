"""Stateless workloads: APIs and queue workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.accounts import service_account
from infra.components.cluster.config_files import checksum, config_files
from infra.components.cluster.metadata import Identity
from infra.components.cluster.objects import KubernetesObject
from infra.components.cluster.pods import Pod, pod_template
from infra.components.cluster.rollout import (
    ANALYSIS,
    HASH_LABEL,
    ROLLOUT,
    Gradually,
    analysis_body,
    canary_service,
    progress_seconds,
    strategy,
)
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
class Scaling:
    """Between so many pods, for the average pod to use `cpu_percent` of the CPU that it asks for."""

    minimum: int
    maximum: int
    cpu_percent: int


@dataclass(frozen=True, kw_only=True)
class WorkloadArgs:
    """`port` is None for what nobody calls, as a queue's worker.

    With `scaling` the autoscaler says how many there are, and `replicas` is not read. `spread` keeps replicas on nodes and in zones
    of their own as far as there are such. `role_arn` is the IAM role that its account may become. `files` become a ConfigMap named
    like the workload; when they change, so do the pods. With `gradually` a new release gets its requests step by step.
    """

    identity: Identity
    pod: Pod
    port: Port | None = None
    replicas: int = 1
    scaling: Scaling | None = None
    spread: bool = False
    role_arn: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    gradually: Gradually | None = None

    @property
    def fewest(self) -> int:
        """How many pods there are at least."""
        return self.scaling.minimum if self.scaling else self.replicas


class Workload(PlatformComponent):
    """A new pod is ready before an old one stops; more than one replica is drained one at a time.

    Resources: a ServiceAccount; a Deployment, or a Rollout, its AnalysisTemplate and its new release's Service; a Service where
    there is a port; a PodDisruptionBudget where there are replicas; a HorizontalPodAutoscaler where it is scaled; a ConfigMap where
    it has files.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:Workload"

    def __init__(self, name: str, args: WorkloadArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        identity = args.identity
        service_account(name, identity, self.child, args.role_arn)
        if args.files:
            config_files(name, identity, args.files, self.child)
        if args.gradually:
            _gradual(name, args, args.gradually, self.child)
        else:
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
        if args.scaling:
            KubernetesObject(
                f"{name}-autoscaler",
                "autoscaling/v2/HorizontalPodAutoscaler",
                metadata=identity.metadata(),
                body=autoscaler_body(identity, args.scaling, gradual=args.gradually is not None),
                opts=self.child,
            )
        if args.fewest > 1:
            KubernetesObject(
                f"{name}-budget",
                "policy/v1/PodDisruptionBudget",
                metadata=identity.metadata(),
                body=budget_body(identity),
                opts=self.child,
            )
        self.register_outputs({})


def _gradual(name: str, args: WorkloadArgs, gradually: Gradually, opts: pulumi.ResourceOptions) -> None:
    """The Rollout, and before it what it is not valid without: what its steps are judged by, and its new release's Service."""
    if args.port is None:
        raise ValueError(f"{args.identity.name}: what nobody calls has no requests to shift")
    before = replace(args.identity, wave=args.identity.wave - 1)
    judged = analysis_body(gradually.judged)
    KubernetesObject(f"{name}-analysis", ANALYSIS, metadata=before.metadata(), body=judged, opts=opts)
    about = {**before.metadata(), "name": canary_service(args.identity.name)}
    body = service_body(args.identity, args.port)
    KubernetesObject(f"{name}-canary-service", "v1/Service", metadata=about, body=body, opts=opts)
    body = rollout_body(args, gradually)
    KubernetesObject(f"{name}-rollout", ROLLOUT, metadata=args.identity.metadata(), body=body, opts=opts)


def rollout_body(args: WorkloadArgs, gradually: Gradually) -> dict[str, Any]:
    """The Rollout, without its metadata: a Deployment's, but for how one release follows another."""
    spec = _body(args, HASH_LABEL)
    return {
        "spec": {
            **spec,
            # One whose release was taken back keeps Argo Rollouts 1.9 from giving up a later one (argoproj/argo-rollouts#4971).
            "revisionHistoryLimit": 0,
            "strategy": strategy(args.identity.name, gradually),
            "progressDeadlineSeconds": progress_seconds(gradually),
            "progressDeadlineAbort": True,
        }
    }


def deployment_body(args: WorkloadArgs) -> dict[str, Any]:
    """The Deployment, without its metadata."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return {"spec": {**_body(args, "pod-template-hash"), "progressDeadlineSeconds": 300, "strategy": rolling}}


def _body(args: WorkloadArgs, version: str) -> dict[str, Any]:
    """What both have; `version` is the label by which their controller tells the pods of one version from another's."""
    identity = args.identity
    pod = args.pod
    if args.files:
        pod = replace(pod, annotations={**pod.annotations, **checksum(args.files)})
    template = pod_template(pod, account=identity.name, labels=identity.labels)
    if args.spread:
        template["spec"]["topologySpreadConstraints"] = _spread(identity, version)
    return {
        # What the autoscaler counts is no difference for Argo CD to put back.
        **({} if args.scaling else {"replicas": args.replicas}),
        "revisionHistoryLimit": 5,
        "selector": {"matchLabels": identity.selector},
        "template": template,
    }


def _spread(identity: Identity, version: str) -> list[dict[str, Any]]:
    """Never two more on one node than on another; over zones as far as they have room.

    Old pods keep no new ones out, nor does a node that takes none of them: with three nodes, of which one is full, drained or
    lost, an update of two pods, or the return of a third, would wait for it (tests/trial/test_spread.py).
    """
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": unsatisfiable,
            "labelSelector": {"matchLabels": identity.selector},
            "matchLabelKeys": [version],
            "nodeTaintsPolicy": "Honor",
        }
        for key, unsatisfiable in (
            ("kubernetes.io/hostname", "DoNotSchedule"),
            ("topology.kubernetes.io/zone", "ScheduleAnyway"),
        )
    ]


def autoscaler_body(identity: Identity, scaling: Scaling, *, gradual: bool = False) -> dict[str, Any]:
    """A HorizontalPodAutoscaler by CPU; `ValueError` for bounds that are none."""
    if not 1 <= scaling.minimum <= scaling.maximum:
        raise ValueError(f"{identity.name}: {scaling.minimum} to {scaling.maximum} pods is no range")
    return {
        "spec": {
            "scaleTargetRef": {**_scaled(gradual), "name": identity.name},
            "minReplicas": scaling.minimum,
            "maxReplicas": scaling.maximum,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": scaling.cpu_percent},
                    },
                }
            ],
        }
    }


def _scaled(gradual: bool) -> dict[str, str]:
    api, _, kind = (ROLLOUT if gradual else "apps/v1/Deployment").rpartition("/")
    return {"apiVersion": api, "kind": kind}


def budget_body(identity: Identity) -> dict[str, Any]:
    """One pod at a time may be evicted; a broken one always, so that it does not hold up a drain."""
    return {
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": identity.selector},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
    }
