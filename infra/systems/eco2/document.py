"""eco2.md as data: its nodes, APIs, namespaces, arrows and the mesh's settings. The package reads them here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.components.mesh.paths import expand

Role = Literal["control-plane", "api", "data", "observability", "ingress", "worker"]


@dataclass(frozen=True, kw_only=True)
class Node:
    """One EC2 instance. `dedicated` is the value of its label and its taint; the master has Kubernetes' own instead.

    `zone` is read into the document, which places none: what stands alone is spread, what talks most stands together.
    """

    name: str
    instance_type: str
    role: Role
    zone: str
    dedicated: str
    runs: tuple[str, ...]


def _api(service: str, instance_type: str, zone: str, *more: str) -> Node:
    return Node(
        name=f"k8s-api-{service}",
        instance_type=instance_type,
        role="api",
        zone=zone,
        dedicated=f"api-{service}",
        runs=(f"{service}-api", *more),
    )


NODES = (
    Node(
        name="k8s-master", instance_type="t3.xlarge", role="control-plane", zone="a", dedicated="control-plane",
        runs=("Control Plane", "Prometheus"),
    ),
    _api("auth", "t3.small", "a", "ext-authz"),
    _api("my", "t3.small", "c"),
    _api("scan", "t3.medium", "d"),
    _api("character", "t3.small", "a"),
    _api("location", "t3.small", "c"),
    _api("image", "t3.small", "d"),
    _api("chat", "t3.medium", "a"),
    Node(
        name="k8s-postgresql", instance_type="t3.large", role="data", zone="c", dedicated="postgresql",
        runs=("PostgreSQL",),
    ),
    Node(name="k8s-redis", instance_type="t3.medium", role="data", zone="a", dedicated="redis", runs=("Redis",)),
    Node(
        name="k8s-monitoring", instance_type="t3.large", role="observability", zone="d", dedicated="monitoring",
        runs=("Prometheus", "Grafana"),
    ),
    Node(
        name="k8s-ingress-gateway", instance_type="t3.medium", role="ingress", zone="a", dedicated="ingress-gateway",
        runs=("Istio Gateway",),
    ),
    Node(
        name="k8s-worker-storage", instance_type="t3.medium", role="worker", zone="c", dedicated="worker-storage",
        runs=("Celery (I/O)",),
    ),
    Node(
        name="k8s-worker-ai", instance_type="t3.medium", role="worker", zone="d", dedicated="worker-ai",
        runs=("Celery (Network)",),
    ),
)  # fmt: skip
"""The fourteen of "노드 배치 (EC2)"."""

ROLE_TAG = "eco2.internal/role"
"""The tag that says a machine's role in AWS."""

INSTANCE_TAG = "eco2.internal/instance"
"""The tag of a hand-over to a machine that joins: the ARN of the one instance that may read it."""

ROLE_LABEL = "node-restriction.kubernetes.io/role"
DEDICATED = "node-restriction.kubernetes.io/dedicated"
"""The keys of a node's labels; DEDICATED is also the taint's (NoSchedule). The master sets them: NodeRestriction lets no kubelet
set a label of that domain, so a node that was taken over draws no pods of another's."""

CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane"
"""The master's own label and taint, which kubeadm sets."""

SERVICES = ("auth", "my", "scan", "character", "location", "image", "chat")
"""The seven APIs: `<service>-api`, in a namespace of that name, on `:8000`."""

API_PORT = 8000
NAMESPACES = (*SERVICES, "redis", "postgres", "prometheus", "grafana", "istio-system")
"""The document's namespaces. Argo CD and the controllers, which it gives none, have their own beside them."""

EXT_AUTHZ_HOST = "ext-authz.auth.svc.cluster.local"
EXT_AUTHZ_PORT = 50051
EXT_AUTHZ_TIMEOUT = "0.25s"
CHECKED_HEADERS = ("authorization", "x-refresh-token", "x-request-id")
IDENTITY_HEADERS = ("x-user-id", "x-auth-provider")

PROVIDERS = ("kakao", "google", "naver")
PROTECTED = ("/api/v1/*",)
BYPASSED = (
    *expand("/api/v1/auth/{provider}", provider=PROVIDERS),
    *expand("/api/v1/auth/{provider}/callback", provider=PROVIDERS),
    "/api/v1/auth/refresh",
    *expand("/api/v1/{service}/{page}", service=SERVICES, page=("docs", "openapi.json")),
    *expand("/api/v1/{service}/{probe}", service=SERVICES, probe=("health", "ready", "metrics")),
)
""""우회 경로 (notPaths)": every path that it names, for the providers and services that the document has."""


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A workload calls another on a TCP port; workloads by the names in `HOMES`."""

    source: str
    target: str
    port: int


HOMES = {
    **{f"{service}-api": service for service in SERVICES},
    "ext-authz": "auth",
    "ingress-gateway": "istio-system",
    "postgresql": "postgres",
    "postgres-databases": "postgres",
    "postgres-backup": "postgres",
    "redis": "redis",
    "prometheus": "prometheus",
    "grafana": "grafana",
    "celery-storage": "worker",
    "celery-ai": "worker",
}
"""The namespace of each workload. The document gives the Celery workers a node each and no namespace: `worker`."""

POSTGRES_PORT, REDIS_PORT, PROMETHEUS_PORT = 5432, 6379, 9090
PROXY_METRICS_PORT = 15020
"""The sidecar's agent: the proxy's metrics and the application's own, merged. The one port that answers without mTLS."""

DOCUMENTED_ARROWS = (
    *(Arrow(source="ingress-gateway", target=f"{service}-api", port=API_PORT) for service in SERVICES),
    Arrow(source="ingress-gateway", target="ext-authz", port=EXT_AUTHZ_PORT),
    Arrow(source="ext-authz", target="redis", port=REDIS_PORT),
    *(Arrow(source=f"{service}-api", target="postgresql", port=POSTGRES_PORT) for service in SERVICES),
    Arrow(source="auth-api", target="redis", port=REDIS_PORT),
    *(Arrow(source="prometheus", target=f"{service}-api", port=PROXY_METRICS_PORT) for service in SERVICES),
    Arrow(source="prometheus", target="ext-authz", port=PROXY_METRICS_PORT),
    Arrow(source="grafana", target="prometheus", port=PROMETHEUS_PORT),
)
"""Every arrow between workloads in the document's diagrams."""

ADDED_ARROWS = (
    Arrow(source="celery-storage", target="redis", port=REDIS_PORT),
    Arrow(source="celery-ai", target="redis", port=REDIS_PORT),
    Arrow(source="postgres-databases", target="postgresql", port=POSTGRES_PORT),
    Arrow(source="postgres-backup", target="postgresql", port=POSTGRES_PORT),
    Arrow(source="prometheus", target="ingress-gateway", port=PROXY_METRICS_PORT),
)
"""Read into the document: a Celery worker without its broker does nothing (which API fills the queues it does not say), the
services' databases and their dumps are made by jobs, and nobody would see what the edge answers if Prometheus did not ask it."""

ARROWS = (*DOCUMENTED_ARROWS, *ADDED_ARROWS)
