"""What Kubernetes objects make in AWS: a volume of EBS for each claim, a load balancer for a Service that asks for one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.checks import at
from policy.cost.uses import UnknownCost, Use
from policy.remembered import once_per_resource
from policy.rules.model import Resource

CLAIMING = frozenset(
    {
        "kubernetes:apps/v1:StatefulSet",
        "kubernetes:argoproj.io/v1alpha1:Application",
        "kubernetes:core/v1:PersistentVolumeClaim",
        "kubernetes:kafka.strimzi.io/v1:KafkaNodePool",
        "kubernetes:kafka.strimzi.io/v1beta2:Kafka",
        "kubernetes:kafka.strimzi.io/v1beta2:KafkaNodePool",
        "kubernetes:monitoring.coreos.com/v1:Alertmanager",
        "kubernetes:monitoring.coreos.com/v1:Prometheus",
    }
)
"""The kinds that claim volumes, be it in a chart's values."""
SERVICE = "kubernetes:core/v1:Service"

_SIZE = re.compile(r"(\d+(?:\.\d+)?)(Mi|Gi|Ti)")
_GIB = {"Mi": 1 / 1024, "Gi": 1, "Ti": 1024}


def claims(value: Any, replicas: float = 1) -> Iterator[float]:
    """The GiB of each claim within an object, times the `replicas` that stand nearest above it."""
    match value:
        case Mapping():
            found = value.get("replicas")
            replicas = float(found) if isinstance(found, (int, float)) else replicas
            size = _claimed(value)
            if size is not None:
                yield _gib(size) * replicas
                return
            for inner in value.values():
                yield from claims(inner, replicas)
        case Sequence() if not isinstance(value, str):
            for inner in value:
                yield from claims(inner, replicas)


@once_per_resource
def _claims_of(resource: Resource) -> tuple[float, ...]:
    """A chart's values are the largest objects of a stack."""
    return tuple(claims(resource.props))


def _claimed(value: Mapping[str, Any]) -> str | None:
    """The size, as a claim's spec has it, Strimzi's storage, or the `persistence` of charts."""
    asked = at(value, "resources.requests.storage")
    if asked is not None:
        return str(asked)
    is_strimzi = value.get("type") == "persistent-claim"
    is_persistence = "storageClassName" in value and value.get("enabled") is not False
    return str(value.get("size")) if value.get("size") and (is_strimzi or is_persistence) else None


def _gib(size: str) -> float:
    found = _SIZE.fullmatch(size)
    if found is None:
        raise UnknownCost(f"the size {size} of a claim is none of Mi, Gi, Ti")
    return float(found[1]) * _GIB[found[2]]


def uses_of_object(resource: Resource, hours: int) -> Iterator[Use]:
    """What the object makes, encrypted gp3 as the cluster's only StorageClass has it."""
    if resource.type in CLAIMING:
        for gib in _claims_of(resource):
            yield Use(key="ebs.gp3", amount=gib)
    if resource.type == SERVICE and at(resource.props, "spec.type") == "LoadBalancer":
        yield Use(key="nlb.hour", amount=hours)
