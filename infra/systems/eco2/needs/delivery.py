"""What a tenant is told of its own delivery: by Prometheus' alerts, on the way that its other alerts go.

Argo CD's own notifications would be a second way to the same channel, with a second copy of its secret (docs/adr/0031).
"""

from __future__ import annotations

from typing import Any

from infra.contract import Tenant
from infra.needs import Rollouts
from infra.systems.eco2.tenant_names import dashed, home

Rule = dict[str, Any]


def groups(tenant: Tenant) -> list[dict[str, Any]]:
    """The groups of rules. A metric's own `namespace` is `exported_namespace` here: the operator's is the scraped pod's."""
    rules = [_out_of_step(tenant), _failed(tenant), _unhealthy(tenant)]
    if any(isinstance(need, Rollouts) for need in tenant.needs):
        rules.append(_rolled_back(tenant))
    return [{"name": f"delivery-{dashed(tenant)}", "rules": rules}]


def _alert(tenant: Tenant, name: str, severity: str, when: tuple[str, str], said: tuple[str, str]) -> Rule:
    (expression, lasting), (summary, description) = when, said
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": severity, "namespace": home(tenant)},
        "annotations": {"summary": f"{tenant.system}: {summary}", "description": description},
    }


def _application(tenant: Tenant, *more: str) -> str:
    return "{" + ",".join((f'name="{dashed(tenant)}"', *more)) + "}"


def _out_of_step(tenant: Tenant) -> Rule:
    asked = _application(tenant, 'sync_status!="Synced"')
    said = (
        "what runs is not what is committed",
        "Argo CD puts back what is changed by hand; what it cannot apply stays. Its Application says which object.",
    )
    return _alert(tenant, "DeliveryOutOfStep", "warning", (f"argocd_app_info{asked} == 1", "15m"), said)


def _failed(tenant: Tenant) -> Rule:
    asked = _application(tenant, 'phase=~"Error|Failed"')
    said = (
        "a delivery failed",
        "Argo CD tries ten times with growing pauses; what ran before still runs. Its Application holds the last message.",
    )
    return _alert(
        tenant, "DeliveryFailed", "critical", (f"increase(argocd_app_sync_total{asked}[10m]) > 0", "0m"), said
    )


def _unhealthy(tenant: Tenant) -> Rule:
    asked = _application(tenant, 'health_status=~"Degraded|Missing"')
    said = (
        "what was delivered is not healthy",
        "An object of the Application is Degraded or Missing: a pod that does not become ready, or what nobody made.",
    )
    return _alert(tenant, "DeliveryUnhealthy", "critical", (f"argocd_app_info{asked} == 1", "10m"), said)


def _rolled_back(tenant: Tenant) -> Rule:
    spaces = "|".join(tenant.namespaces)
    expression = f'max by (exported_namespace, name) (rollout_info{{exported_namespace=~"{spaces}",phase=~"Degraded|Error"}}) == 1'
    said = (
        "{{ $labels.name }} was rolled back",
        "A step's analysis failed, and all traffic is at the version before. The AnalysisRun says which query, and its value.",
    )
    return _alert(tenant, "RolledBack", "critical", (expression, "1m"), said)
