"""What the rules on pods' places must find, once the real stack is spoiled in that one place."""

from __future__ import annotations

from typing import Any

from policy.aws_types import AUTO_SCALING_GROUP, INSTANCE, LAUNCH_TEMPLATE
from policy.cluster_pods import KAFKA_POOL
from policy.kubernetes_objects import AUTOSCALER, DEPLOYMENT, STATEFUL_SET
from tests.policy.broken import Broken

POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"
FIT, LIMITS = "cluster-pods-fit", "cluster-memory-limits"
AUTH, SCAN, REDIS = "eco2-k8s-api-auth-instance", "eco2-workloads-scan-api-deployment", "eco2-data-redis-statefulset"


def _machine(instance_type: str, machine: str = AUTH, **more: Any) -> Broken:
    return Broken(rule=FIT, type=INSTANCE, name=machine, change={"instanceType": instance_type}, on=machine, **more)


def _scan(change: dict[str, Any], on: str = SCAN) -> Broken:
    return Broken(rule=FIT, type=DEPLOYMENT, name=SCAN, change=change, on=on)


CASES: tuple[Broken, ...] = (
    _machine("t3.micro"),
    _machine("t3.small", "eco2-k8s-postgresql-instance"),
    _machine("t3.large", "eco2-k8s-master-instance"),
    _machine("t9.small"),
    _machine("t4g.small"),
    Broken(
        rule=FIT, type=LAUNCH_TEMPLATE, name="eco2-tenants-template", change={"instanceType": "t3.micro"},
        on="eco2-tenants-template",
    ),
    Broken(rule=FIT, type=AUTO_SCALING_GROUP, name="eco2-tenants-asg", change={"maxSize": 1}),
    _scan({f"{POD}.tolerations": []}),
    _scan({f"{POD}.tolerations.0.value": "api-chat"}),
    _scan({f"{POD}.nodeSelector": {"node-restriction.kubernetes.io/dedicated": "api-scam"}}),
    _scan({f"{CONTAINER}.resources.requests.memory": "3Gi"}, on="eco2-k8s-api-scan-instance"),
    _scan({f"{CONTAINER}.resources.requests.cpu": "1500m"}, on="eco2-k8s-api-scan-instance"),
    # One fits, and the new one of an update does not beside it.
    _scan({f"{CONTAINER}.resources.requests.memory": "1536Mi"}, on="eco2-k8s-api-scan-instance"),
    Broken(rule=FIT, type=AUTOSCALER, name="exchange-svc-wallet-autoscaler", change={"spec.minReplicas": 40}),
    Broken(
        rule=FIT, type=KAFKA_POOL, name="immersiverse-kafka-broker-kafkanodepool",
        change={"spec.resources.requests.memory": "20Gi"},
    ),
    Broken(
        rule=LIMITS, type=STATEFUL_SET, name=REDIS, change={f"{CONTAINER}.resources.limits.memory": "5Gi"},
        on="eco2-k8s-redis-instance",
    ),
    Broken(rule="cluster-drains", type=DEPLOYMENT, name=SCAN, change={f"{POD}.tolerations": [{"operator": "Exists"}]}),
)  # fmt: skip
