"""Every connection that the system's pods open or take, beside names and the mesh's configuration."""

from __future__ import annotations

from infra.components.cluster.kafka import CONTROL_PLANE_PORT, LISTENER_PORT, METRICS_PORT, REPLICATION_PORT
from infra.components.mesh.filters.rate_limits import ByAddress, Limited, Rate
from infra.contract import TenantArrow, TenantWorkload
from infra.edge import Limit
from infra.settings.immersiverse import Immersiverse
from infra.systems.immersiverse.document import (
    AUTH,
    BACKUP,
    CONSUMERS,
    DATABASES,
    ENTITY_OPERATOR,
    EXPORTER,
    GRPC_PORT,
    HOME,
    KAFKA,
    POSTGRES,
    POSTGRES_PORT,
    REDIS,
    REDIS_PORT,
    VALIDATORS,
    WEBHOOK,
    WEBHOOK_PORT,
)


def tenant_workloads(*, webhooks: bool) -> list[TenantWorkload]:
    """Its own, Strimzi's, and those that the document names beside: nothing is let in from, or out to, anybody else."""
    proxied = [AUTH, POSTGRES, REDIS]
    unscraped = [DATABASES, BACKUP, *VALIDATORS, *([WEBHOOK] if webhooks else [])]
    return [
        *(TenantWorkload(name=name, namespace=HOME) for name in proxied),
        *(TenantWorkload(name=name, namespace=HOME, scraped=False) for name in unscraped),
        *(
            TenantWorkload(name=name, namespace=HOME, scraped=False, proxied=False)
            for name in (KAFKA, ENTITY_OPERATOR, EXPORTER)
        ),
    ]


def tenant_arrows(*, webhooks: bool) -> list[TenantArrow]:
    """§2 to §5, then what Kafka needs of itself."""
    drawn = [
        ("gateway", AUTH, GRPC_PORT, "§2.1: gRPC behind the gateway"),
        *((one, AUTH, GRPC_PORT, "§2.2: whose is this token?") for one in VALIDATORS),
        (AUTH, POSTGRES, POSTGRES_PORT, "§9.1"),
        (AUTH, REDIS, REDIS_PORT, "§5.2, §6.2: what is revoked, how often a login was tried"),
        (AUTH, KAFKA, LISTENER_PORT, "§3: events"),
        *((one.name, KAFKA, LISTENER_PORT, "§3: events") for one in CONSUMERS),
        (AUTH, "internet", 443, "§4.1: the streaming platforms; the mesh admits them by name"),
        (DATABASES, POSTGRES, POSTGRES_PORT, "makes the database"),
        (BACKUP, POSTGRES, POSTGRES_PORT, "dumps it"),
        (BACKUP, "internet", 443, "its dumps go to S3"),
    ]
    if webhooks:
        drawn += [
            ("gateway", WEBHOOK, WEBHOOK_PORT, "§4.2: the platforms' webhooks"),
            (WEBHOOK, AUTH, GRPC_PORT, "§4.2: gRPC to the Auth Service"),
        ]
    return [TenantArrow(source=a, target=b, port=port, why=why) for a, b, port, why in (*drawn, *_KAFKA)]


def address_limit(own: Immersiverse) -> Limit:
    """§6.1. Without the limiter the burst alone bounds an address: who may log in is not shut out by it."""
    return Limit(
        host=own.label,
        limited=Limited(
            name="immersiverse-address",
            per=ByAddress(),
            rates=[Rate(number=own.limits.per_minute, unit="minute")],
        ),
        without_limiter="let pass",
    )


_KAFKA = (
    (KAFKA, KAFKA, CONTROL_PLANE_PORT, "brokers and controllers"),
    (KAFKA, KAFKA, REPLICATION_PORT, "replication"),
    (ENTITY_OPERATOR, KAFKA, REPLICATION_PORT, "topics and users"),
    (ENTITY_OPERATOR, "kubernetes-api", 6443, "its KafkaTopics and KafkaUsers"),
    (EXPORTER, KAFKA, REPLICATION_PORT, "lag"),
    # Strimzi's own policies have this one too (KafkaCluster.generateNetworkPolicy).
    ("kafka-operator", KAFKA, CONTROL_PLANE_PORT, "the controllers, to roll them"),
    ("prometheus", KAFKA, METRICS_PORT, "metrics"),
    ("prometheus", EXPORTER, METRICS_PORT, "metrics"),
)
