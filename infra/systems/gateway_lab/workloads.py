"""The document's services (api-gateway-lab.md, "확장된 아키텍처", Steps 1-1 and 3-1).

What an image is told, by environment: `PORT`, `SERVICE_VERSION`, and where its data is: `DATABASE_HOST`, `_PORT`, `_NAME`,
`_USER`, `_PASSWORD_FILE`, `_POOL_SIZE` (PostgreSQL, MongoDB), or `REDIS_HOST`, `_PORT`, `_USERNAME`, `_PASSWORD_FILE`,
`KEY_PREFIX`. The auth service gets `SIGNING_KEY_FILE`, `KEY_ID`, `ISSUER`, `TOKEN_AUDIENCE`, `TOKEN_TTL` and `USERS_FILE`; the
product service what `cache` says.
Its spans go to `OTEL_EXPORTER_OTLP_ENDPOINT`, by OTLP over gRPC, with the trace that `traceparent` names.
"""

from __future__ import annotations

from infra.components.cluster.pods import Container, Pod, Resources, Scratch, SecretFiles, http_probe
from infra.components.cluster.rollout import Gradually
from infra.components.cluster.secrets import FOLDER
from infra.components.cluster.workload import Port, Workload, WorkloadArgs
from infra.releases import gradually
from infra.systems.gateway_lab.cache import PURGE_PORT, PURGED
from infra.systems.gateway_lab.context import SIDECAR, Context, service_host
from infra.systems.gateway_lab.document import (
    AUTH,
    CANARY,
    DATA_PORTS,
    MONGODB,
    POSTGRESQL,
    PRODUCT,
    REDIS,
    SERVICES,
    TOKEN_SECONDS,
    USER,
    Service,
)
from infra.systems.gateway_lab.mesh import BESIDE, VIRTUAL_SERVICE, released_routes

FAILED_AT_MOST, SLOW_AT_MOST, SLOW_AFTER = 0.02, 0.05, 1000
"""What a new release of the user service may answer with 5xx, and after a second. The document names no such numbers."""

USER_ID = 10001
TMP = "/tmp"  # noqa: S108 - the pod's own
RESOURCES = Resources(cpu="50m", memory="96Mi", memory_limit="192Mi")

POOL_SIZE = 10
"""Connections that one pod keeps to its database ("연결 풀링"); the server lets all of them in, and few more."""


def build_workloads(context: Context) -> None:
    """Register every service; what it needs to start has gone before."""
    for service in SERVICES:
        _service(context, service)


def environment(context: Context, service: Service) -> dict[str, str]:
    """The settings of a service; secrets are files."""
    found = {
        "PORT": str(service.port),
        "SERVICE_VERSION": "v2" if service.name == CANARY else "v1",
        "OTEL_SERVICE_NAME": service.name,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{context.spans.host}:{context.spans.port}",
    }
    if service.name == AUTH:
        return found | _issuing(context)
    if service.data is None:
        return found
    if service.name == PRODUCT:
        found |= {"CACHE_PURGE_HOST": service_host(PURGED), "CACHE_PURGE_PORT": str(PURGE_PORT)}
    return found | (_redis(service) if service.data == REDIS else _database(service))


def _issuing(context: Context) -> dict[str, str]:
    """What a token says (Step 1-1), and the key of it that the gateway knows: the first of the settings'."""
    return {
        "ISSUER": context.settings.tokens.issuer,
        "TOKEN_AUDIENCE": context.settings.tokens.audience,
        "TOKEN_TTL": str(TOKEN_SECONDS),
        "KEY_ID": next(iter(context.settings.tokens.keys)),
        "SIGNING_KEY_FILE": f"{FOLDER}/signing-key",
        "USERS_FILE": f"{FOLDER}/users",
    }


def _database(service: Service) -> dict[str, str]:
    kind, owner = {POSTGRESQL: ("postgres", USER), MONGODB: ("mongo", service.name)}[str(service.data)]
    return {
        "DATABASE_HOST": service_host(str(service.data)),
        "DATABASE_PORT": str(DATA_PORTS[str(service.data)]),
        "DATABASE_NAME": owner,
        "DATABASE_USER": owner,
        "DATABASE_PASSWORD_FILE": f"{FOLDER}/{kind}-password",
        "DATABASE_POOL_SIZE": str(POOL_SIZE),
    }


def _redis(service: Service) -> dict[str, str]:
    return {
        "REDIS_HOST": service_host(REDIS),
        "REDIS_PORT": str(DATA_PORTS[REDIS]),
        "REDIS_USERNAME": service.name,
        "REDIS_PASSWORD_FILE": f"{FOLDER}/redis-password",
        "KEY_PREFIX": f"{service.name}:",
    }


def _service(context: Context, service: Service) -> None:
    """Its pods, probed at `/health` and `/ready`; a new one is ready before an old one goes."""
    released = _released(context) if service.name == USER else None
    # The routes between whose releases it is shifted are there before it.
    me = context.identity(service.name, context.cluster.mesh.routes_wave + 1 if released else None)
    container = Container(
        name="service",
        image=context.image(service.name),
        env=environment(context, service),
        ports={"http": service.port},
        mounts={FOLDER: "secrets", TMP: "tmp"},
        resources=RESOURCES,
        probes={
            "startupProbe": http_probe("/health", "http", periodSeconds=2, failureThreshold=60),
            "livenessProbe": http_probe("/health", "http", periodSeconds=10, timeoutSeconds=3, failureThreshold=3),
            "readinessProbe": http_probe("/ready", "http", periodSeconds=5, timeoutSeconds=3, failureThreshold=2),
        },
        drain_seconds=5,
    )
    pod = Pod(
        containers=[container],
        volumes={"secrets": SecretFiles(secret=service.name), "tmp": Scratch(size="64Mi")},
        placement=context.placement(),
        user=USER_ID,
        sidecar=SIDECAR,
        annotations=_metrics(service.port),
    )
    port = Port(name="http", number=service.port, protocol="http")
    args = WorkloadArgs(
        identity=me, pod=pod, port=port, replicas=context.settings.replicas, spread=True, gradually=released
    )
    Workload(context.names.logical(f"workload-{service.name}"), args, context.objects)


def _released(context: Context) -> Gradually:
    """Step by step within the share that the settings give it (Step 3-1): the second release's stays (docs/adr/0037)."""
    share = context.settings.weights.v1
    return gradually(
        context,
        context.settings.release,
        USER,
        virtual_service=VIRTUAL_SERVICE,
        routes=released_routes(context),
        weights=sorted({max(1, weight * share // 100) for weight in context.settings.release.weights}),
        beside=[BESIDE],
        failed_at_most=FAILED_AT_MOST,
        slow_at_most=SLOW_AT_MOST,
        slow_after=SLOW_AFTER,
    )


def _metrics(port: int) -> dict[str, str]:
    """What the proxy's agent takes up, so that Prometheus finds the application's own metrics beside the proxy's."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/metrics"}
