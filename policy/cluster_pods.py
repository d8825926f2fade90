"""The pods of a stack's cluster as a scheduler counts them: those rendered, with sidecars, and those of charts and operators.

What charts and operators bring is in chart_pods.json: `python -m tests.inventory.record_placed` renders it with prod's values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from policy.capacity import cpu_milli, memory_mib
from policy.kubernetes_objects import (
    APPLICATION,
    AUTOSCALER,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    NAMESPACE,
    ROLLOUT,
    STATEFUL_SET,
    at,
    chart_values,
    each,
    name_of,
    namespace_of,
    pod_spec,
    pod_template,
    sources,
    spec_of,
)
from policy.remembered import once_per_resource
from policy.rules.model import Resource, Stack

CHART_PODS = Path(__file__).with_name("chart_pods.json")
KAFKA, KAFKA_POOL = "kubernetes:kafka.strimzi.io/v1:Kafka", "kubernetes:kafka.strimzi.io/v1:KafkaNodePool"
UPDATED_IN_PLACE = frozenset({"Recreate", "OnDelete"})
INJECT, HOSTNAME = "sidecar.istio.io/inject", "kubernetes.io/hostname"


@dataclass(frozen=True, kw_only=True)
class PodGroup:
    """Pods of one kind. Processors in thousandths, memory in MiB; `limit` is the memory that each may use.

    `everywhere` is a DaemonSet's; `passing` comes and goes, like a Job's; `surge` are pods more while they are updated; `apart`
    are never two on a node. `by` is the resource that they come from; kubeadm's come from none.
    """

    name: str
    cpu: int
    memory: int
    limit: int
    copies: int
    surge: int = 0
    everywhere: bool = False
    passing: bool = False
    apart: bool = False
    selector: Mapping[str, str] = field(default_factory=dict)
    nodes: Sequence[Mapping[str, Any]] = ()
    tolerations: Sequence[Mapping[str, Any]] = ()
    by: Resource | None = field(default=None, compare=False)


def pod_groups(stack: Stack) -> Iterator[PodGroup]:
    """Every pod that the stack's cluster is to run."""
    meshed = {
        name_of(one)
        for one in stack.of(NAMESPACE)
        if at(one.props, "metadata", "labels", "istio-injection") == "enabled"
    }
    default = _default_sidecar(stack)
    fewest = _fewest(stack)
    for one in stack.of(DEPLOYMENT, STATEFUL_SET, DAEMON_SET, JOB, CRON_JOB, ROLLOUT):
        if pod_spec(one):
            sidecar = _sidecar(one, default) if namespace_of(one) in meshed else None
            yield _rendered(one, sidecar, fewest.get((namespace_of(one), name_of(one))))
    yield from _kafka(stack)
    yield from _of_charts(stack)


def _fewest(stack: Stack) -> dict[tuple[str, str], int]:
    """How many pods an autoscaler leaves, by the workload's namespace and name."""
    return {
        (namespace_of(one), str(at(spec_of(one), "scaleTargetRef", "name"))): int(at(spec_of(one), "minReplicas") or 1)
        for one in stack.of(AUTOSCALER)
    }


def _rendered(one: Resource, sidecar: Mapping[str, Any] | None, fewest: int | None) -> PodGroup:
    spec, kind = pod_spec(one), one.type
    passing = kind in {JOB, CRON_JOB}
    replicas = at(spec_of(one), "replicas")
    strategy = at(spec_of(one), "strategy") or {}
    surges = kind in {DEPLOYMENT, ROLLOUT} and at(strategy, "type") not in UPDATED_IN_PLACE
    return PodGroup(
        name=f"{namespace_of(one)}/{name_of(one)}",
        copies=1 if passing else fewest or int(1 if replicas is None else replicas),
        surge=int(_surge(at(strategy, "rollingUpdate", "maxSurge"))) if surges else 0,
        everywhere=kind == DAEMON_SET,
        passing=passing,
        by=one,
        **_placed(one),
        **asked(spec, sidecar),
    )


@once_per_resource
def _placed(one: Resource) -> dict[str, Any]:
    return placed(pod_spec(one))


def _surge(value: Any) -> int:
    """A share of so few pods is one; nothing said is a quarter."""
    return 1 if value is None or isinstance(value, str) else int(value)


def placed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Where pods of this spec may run."""
    wanted = at(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    spread = [
        one
        for one in each(spec, "topologySpreadConstraints")
        if at(one, "topologyKey") == HOSTNAME and at(one, "whenUnsatisfiable") == "DoNotSchedule"
    ]
    others = each(spec, "affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    ports = [port for one in each(spec, "containers") for port in each(one, "ports") if at(port, "hostPort")]
    return {
        "apart": bool(spread or ports or any(at(one, "topologyKey") == HOSTNAME for one in others)),
        "selector": dict(at(spec, "nodeSelector") or {}),
        "nodes": each(wanted, "nodeSelectorTerms"),
        "tolerations": each(spec, "tolerations"),
    }


def asked(spec: Mapping[str, Any], sidecar: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a scheduler counts for a pod: containers and sidecars together, or one before them with the sidecars before it."""
    cpu, memory, limit = (
        _counted(spec, sidecar, *one) for one in (("cpu", False), ("memory", False), ("memory", True))
    )
    return {"cpu": cpu, "memory": memory, "limit": limit}


def _counted(spec: Mapping[str, Any], sidecar: Mapping[str, Any] | None, resource: str, at_limits: bool) -> int:
    beside = _of({"resources": sidecar}, resource, at_limits) if sidecar else 0
    most = beside
    for one in each(spec, "initContainers"):
        mine = _of(one, resource, at_limits)
        most = max(most, beside + mine)
        if at(one, "restartPolicy") == "Always":
            beside += mine
    return max(most, beside + sum(_of(one, resource, at_limits) for one in each(spec, "containers")))


def _of(container: Mapping[str, Any], resource: str, at_limits: bool) -> int:
    """What is not asked for is what it is limited to, and what has no limit counts for what it asks for."""
    requests, limits = (at(container, "resources", key, resource) for key in ("requests", "limits"))
    first, second = (limits, requests) if at_limits else (requests, limits)
    found = second if first is None else first
    return 0 if found is None else (memory_mib if resource == "memory" else cpu_milli)(found)


def _default_sidecar(stack: Stack) -> Mapping[str, Any]:
    """What istiod's chart is told of a sidecar whose pod says nothing."""
    for _, values in chart_values(stack, "istiod"):
        return at(values, "global", "proxy", "resources") or {}
    return {}


def _sidecar(one: Resource, default: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The resources of the sidecar that istiod adds; None when the pod has none."""
    metadata = at(pod_template(one), "metadata") or {}
    told = at(metadata, "annotations") or {}
    if "false" in {str(at(metadata, where, INJECT)) for where in ("labels", "annotations")}:
        return None
    says = {key.removeprefix("sidecar.istio.io/proxy"): told[key] for key in told if "sidecar.istio.io/proxy" in key}
    if not says.keys() & {"CPU", "Memory", "CPULimit", "MemoryLimit"}:
        return default
    return {
        "requests": {key: says[name] for key, name in (("cpu", "CPU"), ("memory", "Memory")) if name in says},
        "limits": {"memory": says["MemoryLimit"]} if "MemoryLimit" in says else {},
    }


def _kafka(stack: Stack) -> Iterator[PodGroup]:
    """What Strimzi makes of its own kinds: brokers and controllers, the operator of topics and users, the exporter."""
    for one in stack.of(KAFKA_POOL):
        spec = spec_of(one)
        pod = {**(at(spec, "template", "pod") or {}), "containers": [{"resources": at(spec, "resources")}]}
        cluster = at(one.props, "metadata", "labels", "strimzi.io/cluster")
        yield PodGroup(
            # As its pods are called.
            name=f"{namespace_of(one)}/{cluster}-{name_of(one)}",
            copies=int(at(spec, "replicas") or 0),
            by=one,
            **placed(pod),
            **asked(pod),
        )
    for one in stack.of(KAFKA):
        spec = spec_of(one)
        operator, exporter = at(spec, "entityOperator"), at(spec, "kafkaExporter")
        both = [{"resources": at(operator, key, "resources")} for key in ("topicOperator", "userOperator")]
        for part, told, containers in (
            ("entity-operator", operator, both),
            ("kafka-exporter", exporter, [{"resources": at(exporter, "resources")}]),
        ):
            if told is not None:
                pod = {**(at(told, "template", "pod") or {}), "containers": containers}
                name = f"{namespace_of(one)}/{name_of(one)}-{part}"
                yield PodGroup(name=name, copies=1, by=one, **placed(pod), **asked(pod))


def _of_charts(stack: Stack) -> Iterator[PodGroup]:
    """kubeadm's, and those of each chart that an Application brings, as they are recorded."""
    brought: dict[str, Resource | None] = {"kubeadm": None}
    for one in stack.of(APPLICATION):
        brought |= {str(at(source, "helm", "releaseName")): one for source in sources(one) if at(source, "chart")}
    recorded = _recorded()
    for release, by in brought.items():
        for pods in recorded.get(release, ()):
            yield PodGroup(by=by, **pods)


@cache
def _recorded() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(CHART_PODS.read_text())
    return found
