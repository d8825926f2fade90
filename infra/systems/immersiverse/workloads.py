"""The Auth Service (services/auth, whose README has its settings)."""

from __future__ import annotations

import json

from infra.components.cluster.accounts import ServiceAccount
from infra.components.cluster.kafka import KafkaCluster
from infra.components.cluster.pods import ConfigFiles, Container, Pod, Resources, SecretFiles, Volume, grpc_probe
from infra.components.cluster.private_certificates import CA, server_secret
from infra.components.cluster.secrets import FOLDER
from infra.components.cluster.workload import Port, Workload, WorkloadArgs
from infra.systems.immersiverse.context import SIDECAR, Context, service_host
from infra.systems.immersiverse.document import (
    AUTH,
    AUTH_USER,
    GRPC_PORT,
    METRICS_PORT,
    PLATFORMS,
    POSTGRES,
    POSTGRES_PORT,
    REDIS,
    REDIS_PORT,
    VALIDATORS,
)
from infra.systems.immersiverse.secrets import DATABASE

USER = 65532
RESOURCES = Resources(cpu="100m", memory="128Mi", memory_limit="256Mi")
KAFKA, KAFKA_CA, DATABASE_CA, CONFIG = "/etc/kafka", "/etc/kafka-ca", "/etc/database-ca", "/etc/auth"
PLATFORMS_FILE = "platforms.json"


def platforms(context: Context) -> str:
    """What PLATFORMS_FILE says: endpoints, and where the clients' secrets lie."""
    found = {
        one.name: {
            "token_url": one.token_url,
            "user_url": one.user_url,
            "id_field": one.id_field,
            "id_pattern": one.id_pattern,
            "posts": one.posts,
            "redirect_url": context.settings.callback,
            "client_id_file": f"{FOLDER}/{one.name}-client-id",
            "client_secret_file": f"{FOLDER}/{one.name}-client-secret",
        }
        for one in PLATFORMS
    }
    return json.dumps(found, indent=2) + "\n"


def environment(context: Context, kafka: KafkaCluster) -> dict[str, str]:
    """The settings of the service; secrets are files."""
    return {
        "GRPC_ADDR": f":{GRPC_PORT}",
        "HTTP_ADDR": f":{METRICS_PORT}",
        "DATABASE_HOST": service_host(POSTGRES),
        "DATABASE_PORT": str(POSTGRES_PORT),
        "DATABASE_NAME": DATABASE,
        "DATABASE_USER": DATABASE,
        "DATABASE_PASSWORD_FILE": f"{FOLDER}/postgres-password",
        "DATABASE_CA_FILE": f"{DATABASE_CA}/{CA}",
        "REDIS_ADDR": f"{service_host(REDIS)}:{REDIS_PORT}",
        "REDIS_USERNAME": AUTH,
        "REDIS_PASSWORD_FILE": f"{FOLDER}/redis-password",
        "KAFKA_BROKERS": kafka.bootstrap,
        "KAFKA_CA_FILE": f"{KAFKA_CA}/{CA}",
        "KAFKA_USERNAME": AUTH_USER,
        "KAFKA_PASSWORD_FILE": f"{KAFKA}/password",
        "JWT_SECRET_FILE": f"{FOLDER}/signing-key",
        "JWT_ISSUER": f"https://{context.host}",
        "JWT_AUDIENCE": "immersiverse",
        "JWT_TTL": f"{context.settings.token_minutes}m",
        "SEALING_KEY_FILE": f"{FOLDER}/sealing-key",
        "PLATFORMS_FILE": f"{CONFIG}/{PLATFORMS_FILE}",
        "TRUSTED_PROXIES": str(context.cluster.gateway.trusted_proxies),
        "OTEL_SERVICE_NAME": AUTH,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{context.spans.host}:{context.spans.port}",
        # The gateway has decided; what comes from within the mesh without a decision is sampled alike.
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(context.settings.tracing.percent / 100),
    }


def build_workloads(context: Context, kafka: KafkaCluster) -> None:
    """Register the service and the file of its platforms; of others' Secrets it gets the keys that it needs."""
    me = context.identity(AUTH)
    files = {PLATFORMS_FILE: platforms(context)}
    volumes: dict[str, Volume] = {
        "secrets": SecretFiles(secret=me.name),
        "kafka": SecretFiles(secret=AUTH_USER, keys=["password"]),
        "kafka-ca": SecretFiles(secret=kafka.ca_secret, keys=[CA]),
        "database-ca": SecretFiles(secret=server_secret(POSTGRES), keys=[CA]),
        "config": ConfigFiles(config_map=me.name),
    }
    pod = Pod(
        containers=[_container(context, kafka)],
        volumes=volumes,
        placement=context.placement(),
        user=USER,
        sidecar=SIDECAR,
        annotations=_metrics(),
        grace_seconds=45,
    )
    args = WorkloadArgs(
        identity=me,
        pod=pod,
        port=Port(name="grpc", number=GRPC_PORT, protocol="grpc"),
        replicas=context.settings.replicas,
        spread=True,
        files=files,
    )
    Workload(context.names.logical("workload-auth"), args, context.objects)
    for validator in VALIDATORS:
        ServiceAccount(context.names.logical(f"account-{validator}"), context.identity(validator), context.objects)


def _metrics() -> dict[str, str]:
    """Prometheus finds the service's own metrics at the agent."""
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(METRICS_PORT),
        "prometheus.io/path": "/metrics",
    }


def _container(context: Context, kafka: KafkaCluster) -> Container:
    return Container(
        name="auth",
        image=context.image,
        env=environment(context, kafka),
        ports={"grpc": GRPC_PORT, "metrics": METRICS_PORT},
        mounts={
            FOLDER: "secrets",
            KAFKA: "kafka",
            KAFKA_CA: "kafka-ca",
            DATABASE_CA: "database-ca",
            CONFIG: "config",
        },
        resources=RESOURCES,
        probes={
            # Alive without its database, too: a restart would not bring it back.
            "livenessProbe": grpc_probe(GRPC_PORT, "liveness", periodSeconds=10, timeoutSeconds=2, failureThreshold=3),
            "readinessProbe": grpc_probe(GRPC_PORT, periodSeconds=3, timeoutSeconds=2, failureThreshold=2),
        },
    )
