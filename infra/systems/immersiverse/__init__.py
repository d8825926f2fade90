"""ImmersiVerse's Auth Service (immersiverse-auth.md) on eco2's mesh: REST to gRPC at the edge, events on Kafka, OAuth egress."""

from __future__ import annotations

from infra.components.aws.registry import Registry, RegistryArgs
from infra.components.mesh.filters.local_limits import Burst
from infra.contract import Cluster, Kafka, Quota, Tenant, Traces
from infra.edge import Answers, BurstLimit
from infra.exports import SystemOutputs
from infra.settings import Settings
from infra.settings.immersiverse import Immersiverse
from infra.systems.immersiverse.backups import build_backups
from infra.systems.immersiverse.context import make_context
from infra.systems.immersiverse.data import build_data
from infra.systems.immersiverse.document import HOME, SYSTEM
from infra.systems.immersiverse.events import build_events
from infra.systems.immersiverse.mesh import build_mesh
from infra.systems.immersiverse.observability import build_observability
from infra.systems.immersiverse.secrets import build_secrets
from infra.systems.immersiverse.tenancy import address_limit, tenant_arrows, tenant_workloads
from infra.systems.immersiverse.workloads import build_workloads


def declare(settings: Settings) -> Tenant:
    """Its namespace, its workloads and their connections, its host, and that it runs Kafka."""
    own = _own(settings)
    opened = bool(own.webhooks)
    return Tenant(
        system=SYSTEM,
        namespaces={HOME: Quota(pods=40, cpu="6", memory="14Gi", memory_limit="24Gi")},
        workloads=tenant_workloads(webhooks=opened),
        arrows=tenant_arrows(webhooks=opened),
        hosts=[own.label],
        limits=[address_limit(own)],
        bursts=[BurstLimit(host=own.label, burst=Burst(per_second=own.limits.per_second, burst=own.limits.burst))],
        answers=[Answers(hosts=[own.label], json_errors=True)],
        needs=[Kafka(), Traces(percent=own.tracing.percent, days=own.tracing.days)],
    )


def build(settings: Settings, cluster: Cluster) -> SystemOutputs:
    """The repository and secrets, Kafka and the data, the service, and the way in to it."""
    context = make_context(settings, _own(settings), cluster)
    registry = Registry(
        context.names.logical("registry"),
        RegistryArgs(prefix=context.names.prefix, services=["auth"], protect=context.protect, tags=context.tags),
    )
    build_secrets(context, settings)
    kafka = build_events(context)
    build_data(context)
    build_backups(context)
    build_workloads(context, kafka)
    build_mesh(context)
    build_observability(context)
    return {
        "url": f"https://{context.host}",
        "kafka_bootstrap": kafka.bootstrap,
        "repository_urls": registry.urls,
    }


def _own(settings: Settings) -> Immersiverse:
    if settings.immersiverse is None:
        raise ValueError("the settings have no section 'immersiverse'")
    return settings.immersiverse
