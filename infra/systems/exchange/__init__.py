"""The exchange's front door (svc-gateway.md), a tenant of eco2's cluster (docs/adr/0025).

Read `build` top to bottom; docs/systems/exchange.md maps each fact to its test. What the document says is in `document.py`, as
data.
"""

from __future__ import annotations

from infra.contract import Cluster, Tenant
from infra.exports import SystemOutputs
from infra.settings import Settings, SettingsError
from infra.settings.exchange import Exchange
from infra.systems.exchange.audit import build_audit
from infra.systems.exchange.context import make_context
from infra.systems.exchange.front_door import build_front_door
from infra.systems.exchange.observability import build_observability
from infra.systems.exchange.policies import build_policies
from infra.systems.exchange.services import build_services
from infra.systems.exchange.standby import build_standby
from infra.systems.exchange.tenancy import tenant


def declare(settings: Settings) -> Tenant:
    """What it adds to the cluster's shared objects; `SettingsError` for experiments in production."""
    section = _section(settings)
    if section.experiments and settings.platform.tier == "production":
        problem = "exchange.experiments: True — allowed: false where platform.tier is production"
        raise SettingsError(f"Pulumi.{settings.stack}.yaml", [problem])
    return tenant(section)


def build(settings: Settings, cluster: Cluster) -> SystemOutputs:
    """Stand up the whole document on the cluster; the outputs are what its users and its deployments need to know."""
    context = make_context(settings, _section(settings), cluster)
    audit = build_audit(context)
    build_policies(context)
    routed = build_front_door(context)
    failover = build_standby(context)
    registry = build_services(context, routed)
    build_observability(context, settings)
    return {
        "url": f"https://{context.host}",
        "health_check_id": failover.health_check_id,
        "audit_bucket": audit.bucket,
        "repository_urls": registry.urls,
    }


def _section(settings: Settings) -> Exchange:
    if settings.exchange is None:
        raise ValueError("the settings have no section 'exchange'")
    return settings.exchange
