"""eco2's own programs (eco2.md: Microservices, AuthN/AuthZ, Worker Nodes): seven APIs, ext-authz and two Celery workers.

What an API's image is told, by environment: `PORT`, `BASE_PATH`, `DATABASE_HOST`, `_PORT`, `_NAME`, `_USER`, `_PASSWORD_FILE`.
auth-api also gets `PUBLIC_URL`, `REDIS_HOST`, `_PORT`, `_DB`, `_USERNAME`, `_PASSWORD_FILE`, `KEY_PREFIX`, `JWT_SECRET_FILE`,
`JWT_ISSUER`, `_AUDIENCE`, `_TYPE` (what ext-authz wants of an access token's `iss`, `aud` and `type`), and
`<PROVIDER>_CLIENT_ID_FILE` and `_CLIENT_SECRET_FILE`; Redis takes keys from it that begin with the prefix or with `blacklist:`.
A worker's is told `QUEUE`, `REDIS_HOST`, `_PORT`, `_USERNAME`, `_PASSWORD_FILE`, `BROKER_DB`, `RESULT_DB` and `KEY_PREFIX`, that is
both transports' `global_keyprefix`: Redis takes no other keys from it.
"""

from __future__ import annotations

import pulumi

from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import (
    Container,
    Placement,
    Pod,
    Resources,
    Scratch,
    SecretFiles,
    command_probe,
    grpc_probe,
    http_probe,
)
from infra.components.cluster.secrets import FOLDER
from infra.components.cluster.workload import Port, Workload, WorkloadArgs
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import (
    API_PORT,
    EXT_AUTHZ_PORT,
    HOMES,
    POSTGRES_PORT,
    PROVIDERS,
    REDIS_PORT,
    SERVICES,
)
from infra.systems.eco2.placement import on

WAVE = 0
API_USER, EXT_AUTHZ_USER = 10001, 65532
TMP = "/tmp"  # noqa: S108 - the pod's own
EXT_AUTHZ_METRICS_PORT = 9090

API_REPLICAS = 1
"""The document draws one pod on each API's node: a second would fall with the same node, and t3.small has no room to update two."""

EXT_AUTHZ_REPLICAS = 2
"""Every request waits for it and fails without it, so that a crash of one process must not be seen; both are on its one node."""

SIDECAR = Resources(cpu="50m", memory="96Mi", memory_limit="256Mi")
SMALL_API = Resources(cpu="150m", memory="256Mi", memory_limit="384Mi")
LARGE_API = Resources(cpu="300m", memory="768Mi", memory_limit="1536Mi")
API_RESOURCES = dict.fromkeys(SERVICES, SMALL_API) | {"scan": LARGE_API, "chat": LARGE_API}
"""scan-api and chat-api are on t3.medium, the others on t3.small; while one is updated, two stand."""

EXT_AUTHZ_RESOURCES = Resources(cpu="50m", memory="48Mi", memory_limit="128Mi")
WORKER_RESOURCES = Resources(cpu="500m", memory="768Mi", memory_limit="2Gi")

WORKERS = {"celery-storage": "storage", "celery-ai": "ai"}
"""Each worker's queue. Both wait for others most of the time (I/O, network), so they work in threads."""

WORKER_THREADS = 16
SESSION_DB, BROKER_DB, RESULT_DB = "0", "1", "2"
"""Redis' databases: revoked tokens and cache, Celery's queues, Celery's results."""

REDIS = {"REDIS_HOST": "redis.redis.svc.cluster.local", "REDIS_PORT": str(REDIS_PORT)}


def identity(workload: str, wave: int = WAVE) -> Identity:
    """A workload in its documented namespace."""
    return Identity(name=workload, namespace=HOMES[workload], part_of="eco2", wave=wave)


def placement(dedicated: str) -> Placement:
    """The documented node, whose taint keeps everybody else away."""
    placed = on(dedicated)
    return Placement(labels=placed["nodeSelector"], tolerations=placed["tolerations"])


def build_workloads(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register the programs; what they need to start (databases, secrets) has gone before."""
    for service in SERVICES:
        _api(context, service, opts)
    _ext_authz(context, opts)
    for workload in WORKERS:
        _worker(context, workload, opts)


def _name(context: Context, workload: str) -> str:
    return f"{context.names.logical('workloads')}-{workload}"


def metrics(port: int, path: str) -> dict[str, str]:
    """What the proxy's agent takes up, so that Prometheus finds the application's metrics beside the proxy's."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": path}


def api_environment(context: Context, service: str) -> dict[str, str]:
    """The settings of an API; secrets are files."""
    found = {
        "PORT": str(API_PORT),
        "BASE_PATH": f"/api/v1/{service}",
        "DATABASE_HOST": "postgresql.postgres.svc.cluster.local",
        "DATABASE_PORT": str(POSTGRES_PORT),
        "DATABASE_NAME": service,
        "DATABASE_USER": service,
        "DATABASE_PASSWORD_FILE": f"{FOLDER}/postgres-password",
    }
    if service != "auth":
        return found
    clients = {
        f"{provider.upper()}_CLIENT_{part.upper()}_FILE": f"{FOLDER}/{provider}-client-{part}"
        for provider in PROVIDERS
        for part in ("id", "secret")
    }
    return {
        **found,
        **REDIS,
        **clients,
        "REDIS_DB": SESSION_DB,
        "REDIS_USERNAME": "auth-api",
        "REDIS_PASSWORD_FILE": f"{FOLDER}/redis-password",
        "KEY_PREFIX": "auth:",
        "JWT_SECRET_FILE": f"{FOLDER}/jwt-secret",
        **access_token(context),
        "PUBLIC_URL": f"https://{context.api_host}",
    }


def access_token(context: Context) -> dict[str, str]:
    """What auth-api writes into an access token and ext-authz wants of it: a refresh token has another type."""
    return {
        "JWT_ISSUER": f"https://{context.api_host}",
        "JWT_AUDIENCE": "eco2-api",
        "JWT_TYPE": "access",
    }


def _api(context: Context, service: str, opts: pulumi.ResourceOptions) -> None:
    """`<service>-api` on :8000, probed at its documented health paths."""
    me = identity(f"{service}-api")
    base = f"/api/v1/{service}"
    container = Container(
        name="api",
        image=context.image(me.name),
        env=api_environment(context, service),
        ports={"http": API_PORT},
        mounts={FOLDER: "secrets", TMP: "tmp"},
        resources=API_RESOURCES[service],
        probes={
            "startupProbe": http_probe(f"{base}/health", "http", periodSeconds=2, failureThreshold=60),
            "livenessProbe": http_probe(
                f"{base}/health", "http", periodSeconds=10, timeoutSeconds=3, failureThreshold=3
            ),
            "readinessProbe": http_probe(
                f"{base}/ready", "http", periodSeconds=5, timeoutSeconds=3, failureThreshold=2
            ),
        },
        drain_seconds=5,
    )
    pod = Pod(
        containers=[container],
        volumes={"secrets": SecretFiles(secret=me.name), "tmp": Scratch(size="256Mi")},
        placement=placement(f"api-{service}"),
        user=API_USER,
        sidecar=SIDECAR,
        annotations=metrics(API_PORT, f"{base}/metrics"),
        grace_seconds=45,
    )
    args = WorkloadArgs(
        identity=me, pod=pod, port=Port(name="http", number=API_PORT, protocol="http"), replicas=API_REPLICAS
    )
    Workload(_name(context, me.name), args, opts)


def _ext_authz(context: Context, opts: pulumi.ResourceOptions) -> None:
    """ext-authz beside auth-api, as the document places it; services/ext-authz/README.md has its settings."""
    me = identity("ext-authz")
    container = Container(
        name="ext-authz",
        image=context.image(me.name),
        env={
            "GRPC_ADDR": f":{EXT_AUTHZ_PORT}",
            "HTTP_ADDR": f":{EXT_AUTHZ_METRICS_PORT}",
            "JWT_SECRET_FILE": f"{FOLDER}/jwt-secret",
            **access_token(context),
            "REDIS_ADDR": f"{REDIS['REDIS_HOST']}:{REDIS_PORT}",
            "REDIS_DB": SESSION_DB,
            "REDIS_USERNAME": me.name,
            "REDIS_PASSWORD_FILE": f"{FOLDER}/redis-password",
        },
        ports={"grpc": EXT_AUTHZ_PORT, "metrics": EXT_AUTHZ_METRICS_PORT},
        mounts={FOLDER: "secrets"},
        resources=EXT_AUTHZ_RESOURCES,
        probes={
            # Alive without Redis, too: a restart would not bring it back.
            "livenessProbe": grpc_probe(
                EXT_AUTHZ_PORT, "liveness", periodSeconds=10, timeoutSeconds=2, failureThreshold=3
            ),
            "readinessProbe": grpc_probe(EXT_AUTHZ_PORT, periodSeconds=3, timeoutSeconds=2, failureThreshold=2),
        },
    )
    pod = Pod(
        containers=[container],
        volumes={"secrets": SecretFiles(secret=me.name)},
        placement=placement("api-auth"),
        user=EXT_AUTHZ_USER,
        sidecar=SIDECAR,
        annotations=metrics(EXT_AUTHZ_METRICS_PORT, "/metrics"),
    )
    args = WorkloadArgs(
        identity=me,
        pod=pod,
        port=Port(name="grpc", number=EXT_AUTHZ_PORT, protocol="grpc"),
        replicas=EXT_AUTHZ_REPLICAS,
    )
    Workload(_name(context, me.name), args, opts)


def _worker(context: Context, workload: str, opts: pulumi.ResourceOptions) -> None:
    """A Celery worker of one queue; both are of one image."""
    me = identity(workload)
    queue = WORKERS[workload]
    alive = ("sh", "-c", 'exec celery --app worker inspect ping --timeout 10 --destination "celery@$HOSTNAME"')
    container = Container(
        name="worker",
        image=context.image("celery"),
        command=("celery", "--app", "worker", "worker"),
        args=(
            f"--queues={queue}",
            "--pool=threads",
            f"--concurrency={WORKER_THREADS}",
            "--loglevel=INFO",
            "--without-gossip",
            "--without-mingle",
            # Whatever the image says: a pickled message is code, which runs as it is read.
            "--",
            'accept_content=(list)["json"]',
            'result_accept_content=(list)["json"]',
        ),
        env={
            **REDIS,
            "QUEUE": queue,
            "BROKER_DB": BROKER_DB,
            "RESULT_DB": RESULT_DB,
            "KEY_PREFIX": f"{queue}:",
            "REDIS_USERNAME": me.name,
            "REDIS_PASSWORD_FILE": f"{FOLDER}/redis-password",
        },
        mounts={FOLDER: "secrets", TMP: "tmp"},
        resources=WORKER_RESOURCES,
        probes={
            "startupProbe": command_probe(alive, periodSeconds=10, timeoutSeconds=20, failureThreshold=18),
            "livenessProbe": command_probe(alive, periodSeconds=60, timeoutSeconds=20, failureThreshold=5),
        },
    )
    pod = Pod(
        containers=[container],
        volumes={"secrets": SecretFiles(secret=me.name), "tmp": Scratch(size="1Gi")},
        placement=placement(workload.replace("celery-", "worker-")),
        user=API_USER,
        sidecar=SIDECAR,
        # A task that is under way is finished.
        grace_seconds=120,
    )
    Workload(_name(context, workload), WorkloadArgs(identity=me, pod=pod), opts)
