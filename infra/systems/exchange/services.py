"""The services behind the front door (svc-gateway.md: Operational Hardening, Outbound): their pods, images and roles in AWS.

What a service's image is told, by environment: `PORT`, `BASE_PATH`, `AWS_REGION`, `AUDIT_BUCKET`, `AUDIT_PREFIX`, and
OpenTelemetry's `OTEL_SERVICE_NAME` and `OTEL_EXPORTER_OTLP_ENDPOINT`. It finds who calls in headers that the edge alone sets, and
puts audit records below its prefix, each once and locked (`If-None-Match: *`, `x-amz-object-lock-mode`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.components.aws.federation import trust_service_account
from infra.components.aws.iam import Role, RoleArgs, Statement
from infra.components.aws.registry import Registry, RegistryArgs
from infra.components.cluster.pods import Container, Placement, Pod, Resources, Scratch, http_probe
from infra.components.cluster.workload import Port, Scaling, Workload, WorkloadArgs
from infra.releases import gradually
from infra.systems.exchange.context import Context
from infra.systems.exchange.document import (
    HEALTH,
    LATENCY_MS,
    LIVENESS,
    NAMESPACE,
    OBJECTIVES,
    PORT,
    READINESS,
    SERVICES,
    SERVICES_WAVE,
    Service,
)

USER = 10001
TMP = "/tmp"  # noqa: S108  the pod's own
AUDIT = "audit"
SERVICE = Resources(cpu="100m", memory="192Mi", memory_limit="384Mi")
SIDECAR = Resources(cpu="50m", memory="96Mi", memory_limit="256Mi")
ROUTES = "exchange-vs"
DRAIN_SECONDS = 10
"""The gateway hears of a pod that goes within a second or two; until then it still sends."""


def build_services(context: Context, routed: Mapping[str, Sequence[str]]) -> Registry:
    """Register a repository, a role and a workload for each service; `routed` are the routes to each, by its name."""
    for one in SERVICES:
        _role(context, one)
        _workload(context, one, routed[one.name])
    return Registry(
        context.names.logical("registry"),
        RegistryArgs(
            prefix=context.names.prefix,
            services=[one.name for one in SERVICES],
            protect=context.protect,
            tags=context.tags,
        ),
    )


def _role(context: Context, service: Service) -> None:
    """It writes audit records below its own prefix: it can neither read, replace nor delete one, nor unlock it."""
    cluster = context.cluster
    records = f"arn:aws:s3:::{context.bucket(AUDIT)}/{service.name}/*"
    Role(
        context.names.logical(f"role-{service.name}"),
        RoleArgs(
            prefix=context.names.prefix,
            label=service.name,
            description=f"{service.name} writes its audit records",
            trust=trust_service_account(
                cluster.platform.issuer_provider,
                issuer_host=cluster.platform.issuer_host,
                namespace=NAMESPACE,
                service_account=service.name,
            ),
            policies={
                service.name: (Statement(actions=["s3:PutObject", "s3:PutObjectRetention"], resources=[records]),)
            },
            boundary=cluster.aws.role_boundary,
            tags=context.tags,
        ),
    )


def environment(context: Context, service: Service) -> dict[str, str]:
    return {
        "PORT": str(PORT),
        "BASE_PATH": service.prefix,
        "AWS_REGION": context.cluster.aws.region,
        "AUDIT_BUCKET": context.bucket(AUDIT),
        "AUDIT_PREFIX": f"{service.name}/",
        "OTEL_SERVICE_NAME": service.name,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{context.spans.host}:{context.spans.port}",
    }


def _leaves_after(seconds: int) -> list[dict[str, Any]]:
    """A pod of a lost node is made again elsewhere then; Kubernetes itself gives it five minutes."""
    return [
        {
            "key": f"node.kubernetes.io/{state}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": seconds,
        }
        for state in ("not-ready", "unreachable")
    ]


def _budget(slo: str) -> float:
    """What of a row of the SLO table may be bad: a new release keeps it from its first requests on."""
    (found,) = [one.budget for one in OBJECTIVES if one.slo == slo]
    return found


def _workload(context: Context, service: Service, routes: Sequence[str]) -> None:
    container = Container(
        name="service",
        image=context.image(service.name),
        env=environment(context, service),
        ports={"http": PORT},
        mounts={TMP: "tmp"},
        resources=SERVICE,
        probes={
            "startupProbe": http_probe(HEALTH, "http", periodSeconds=2, failureThreshold=30),
            "livenessProbe": http_probe(LIVENESS, "http", periodSeconds=10, timeoutSeconds=3, failureThreshold=3),
            "readinessProbe": http_probe(READINESS, "http", periodSeconds=5, timeoutSeconds=3, failureThreshold=2),
        },
        drain_seconds=DRAIN_SECONDS,
    )
    scale = context.settings.scale
    Workload(
        context.names.logical(service.name),
        WorkloadArgs(
            identity=context.identity(service.name, SERVICES_WAVE),
            pod=Pod(
                containers=[container],
                volumes={"tmp": Scratch(size="64Mi")},
                placement=Placement(
                    labels=context.cluster.platform.node_selector,
                    tolerations=_leaves_after(context.settings.failover.pods_leave_seconds),
                ),
                user=USER,
                sidecar=SIDECAR,
                grace_seconds=45,
            ),
            port=Port(name="http", number=PORT, protocol="http"),
            scaling=Scaling(minimum=scale.minimum, maximum=scale.maximum, cpu_percent=scale.cpu_percent),
            spread=True,
            role_arn=context.role_arn(service.name),
            gradually=gradually(
                context,
                context.settings.release,
                service.name,
                virtual_service=ROUTES,
                routes=routes,
                failed_at_most=_budget("errors"),
                slow_at_most=_budget("latency"),
                slow_after=LATENCY_MS,
            ),
        ),
        context.objects,
    )
