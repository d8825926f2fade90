"""What the exchange asks of the cluster: its namespace, who calls whom, its host (docs/adr/0025)."""

from __future__ import annotations

from infra.contract import (
    Alerts,
    Chaos,
    Dashboards,
    Logs,
    Policies,
    Quota,
    Rollouts,
    Scaling,
    Tenant,
    TenantArrow,
    TenantWorkload,
    Traces,
)
from infra.settings.exchange import Exchange
from infra.systems.exchange.context import NAME
from infra.systems.exchange.document import NAMESPACE, PORT, SERVICES
from infra.systems.exchange.edge import at_the_gateway
from infra.systems.exchange.observability import dashboards
from infra.systems.exchange.services import SERVICE, SIDECAR

HTTPS = 443


def tenant(settings: Exchange) -> Tenant:
    return Tenant(
        **at_the_gateway(settings),
        system=NAME,
        namespaces={NAMESPACE: quota(settings.scale.maximum)},
        workloads=[TenantWorkload(name=one.name, namespace=NAMESPACE) for one in SERVICES],
        arrows=[*_routed(), *_audited()],
        needs=[
            Rollouts(),
            Scaling(),
            Traces(),
            Logs(),
            Alerts(slack_channel=settings.slack_channel),
            Dashboards(files=dashboards()),
            Policies(),
            *([Chaos()] if settings.experiments else []),
        ],
    )


def _routed() -> list[TenantArrow]:
    return [TenantArrow(source="gateway", target=one.name, port=PORT, why=one.purpose) for one in SERVICES]


def _audited() -> list[TenantArrow]:
    why = "STS for its role, and the bucket of audit records; the mesh admits both by name"
    return [TenantArrow(source=one.name, target="internet", port=HTTPS, why=why) for one in SERVICES]


def quota(pods: int) -> Quota:
    """Room for every service at its largest, twice: until a new release has proved itself the old one's pods are all there."""
    most = len(SERVICES) * 2 * pods
    return Quota(
        pods=most,
        cpu=f"{most * (_milli(SERVICE.cpu) + _milli(SIDECAR.cpu))}m",
        memory=f"{most * (_mebi(SERVICE.memory) + _mebi(SIDECAR.memory))}Mi",
        memory_limit=f"{most * (_mebi(SERVICE.memory_limit) + _mebi(SIDECAR.memory_limit))}Mi",
    )


def _milli(cpu: str) -> int:
    return int(cpu.removesuffix("m"))


def _mebi(memory: str) -> int:
    return int(memory.removesuffix("Mi"))
