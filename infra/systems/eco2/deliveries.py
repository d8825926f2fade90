"""Who is told when Argo CD or Argo Rollouts fails: whoever hears the system's other alerts, the cluster's own people for its own.

By Prometheus' alerts, and not by Argo CD's notifications, which would be a second way to the same channel, with a second copy of
its secret (docs/adr/0031).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from infra.components.cluster.gitops import ARGO_NAMESPACE, waved
from infra.components.cluster.metadata import NAME_LABEL
from infra.components.cluster.observability import AlertRules, AlertRulesArgs, ObjectMeta, PodMetricsArgs, Scrape
from infra.contract import Tenant
from infra.needs import Rollouts
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import HOMES
from infra.systems.eco2.network_policies import ARGO_CD
from infra.systems.eco2.observability import RULES_WAVE
from infra.systems.eco2.projects import CHARTS_PROJECT, PROJECT
from infra.systems.eco2.tenant_names import dashed, home

Rule = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a system is delivered by: the Applications that `matcher` matches, and Rollouts in the namespaces `stepwise`.

    `labels` bring its alerts to its people.
    """

    system: str
    matcher: str
    labels: Mapping[str, str] = field(default_factory=dict)
    stepwise: Sequence[str] = ()


OWN = Delivery(system="eco2", matcher=f'project=~"{PROJECT}|{CHARTS_PROJECT}"')
"""The cluster's: this repository's objects and the charts. Its alerts have no namespace, as all of the cluster's own."""


def of_tenant(tenant: Tenant) -> Delivery:
    stepwise = tenant.namespaces if any(isinstance(need, Rollouts) for need in tenant.needs) else ()
    return Delivery(
        system=dashed(tenant),
        matcher=f'name="{dashed(tenant)}"',
        labels={"namespace": home(tenant)},
        stepwise=[*stepwise],
    )


def build_deliveries(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register that Prometheus asks Argo CD, and the alerts of each system that it delivers."""
    room = context.names.logical("deliveries")
    argo_cd = PodMetricsArgs(
        meta=_meta(ARGO_CD), labels={NAME_LABEL: ARGO_CD}, namespace=ARGO_NAMESPACE, port="metrics"
    )
    Scrape(f"{room}-argo-cd", argo_cd, opts)
    for one in (OWN, *map(of_tenant, context.tenants)):
        meta = _meta(f"delivery-{one.system}")
        AlertRules(f"{room}-{one.system}", AlertRulesArgs(meta=meta, groups=groups(one)), opts)


def _meta(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=HOMES["prometheus"], annotations=waved(RULES_WAVE))


def groups(delivery: Delivery) -> list[dict[str, Any]]:
    """The groups of rules. A metric's own `namespace` is `exported_namespace` here: the operator's is the scraped pod's."""
    rules = [_out_of_step(delivery), _failed(delivery), _unhealthy(delivery)]
    if delivery is OWN:
        rules.append(_unseen(delivery))
    if delivery.stepwise:
        rules.append(_rolled_back(delivery))
    return [{"name": f"delivery-{delivery.system}", "rules": rules}]


def _alert(delivery: Delivery, name: str, severity: str, when: tuple[str, str], said: tuple[str, str]) -> Rule:
    (expression, lasting), (summary, description) = when, said
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": severity, **delivery.labels},
        "annotations": {"summary": f"{delivery.system}: {summary}", "description": description},
    }


def _state(delivery: Delivery, state: str) -> str:
    """Applications in a state, each by its name alone: the metric's other labels change while a sync is tried again."""
    return f"max by (name) (argocd_app_info{{{delivery.matcher},{state}}}) == 1"


def _out_of_step(delivery: Delivery) -> Rule:
    said = (
        "what runs is not what is committed",
        "Argo CD puts back what is changed by hand; what it cannot apply stays. The Application {{ $labels.name }} says what.",
    )
    return _alert(delivery, "DeliveryOutOfStep", "warning", (_state(delivery, 'sync_status!="Synced"'), "15m"), said)


def _failed(delivery: Delivery) -> Rule:
    """A counter begins with its first failure, of which `increase` says nothing: that it was not there before is the other half."""
    failed = f'argocd_app_sync_total{{{delivery.matcher},phase=~"Error|Failed"}}'
    expression = (
        f"sum by (name) (increase({failed}[10m])) > 0 or max by (name) ({failed} unless {failed} offset 10m) > 0"
    )
    said = (
        "a delivery failed",
        "Argo CD tried ten times; what ran before still runs. The Application {{ $labels.name }} holds the last message.",
    )
    return _alert(delivery, "DeliveryFailed", "critical", (expression, "0m"), said)


def _unhealthy(delivery: Delivery) -> Rule:
    said = (
        "what was delivered is not healthy",
        "Something of the Application {{ $labels.name }} is Degraded or Missing: a pod that is not ready, or what nobody made.",
    )
    when = _state(delivery, 'health_status=~"Degraded|Missing"'), "10m"
    return _alert(delivery, "DeliveryUnhealthy", "critical", when, said)


def _unseen(delivery: Delivery) -> Rule:
    """Without Argo CD none of the others, of any system, would ever fire."""
    said = (
        "nothing is heard of Argo CD",
        "Its application controller does not answer Prometheus, so that nobody delivers, or nobody would hear that it failed.",
    )
    return _alert(
        delivery, "DeliveryUnseen", "critical", (f"absent(argocd_app_info{{{delivery.matcher}}})", "15m"), said
    )


def _rolled_back(delivery: Delivery) -> Rule:
    spaces = "|".join(delivery.stepwise)
    expression = f'max by (exported_namespace, name) (rollout_info{{exported_namespace=~"{spaces}",phase=~"Degraded|Error"}}) == 1'
    said = (
        "{{ $labels.name }} was rolled back",
        "A step's analysis failed, and all traffic is at the version before. The AnalysisRun says which query, and its value.",
    )
    return _alert(delivery, "RolledBack", "critical", (expression, "1m"), said)
