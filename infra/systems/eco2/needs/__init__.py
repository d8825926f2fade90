"""What the platform runs because a tenant needs it: one room for each need of the contract (docs/adr/0025)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pulumi

from infra.components.cluster.gitops import Difference
from infra.components.cluster.observability import Scrape
from infra.contract import Tenant
from infra.needs import Alerts, Chaos, Dashboards, Kafka, Logs, Policies, Rollouts, Scaling, Traces
from infra.systems.eco2.context import Asked, Asking, Context
from infra.systems.eco2.needs import alerts, chaos, dashboards, kafka, logs, policies, rollouts, scaling, traces
from infra.systems.eco2.needs.answer import Answer


def answers(context: Context) -> list[Answer]:
    """What stands for all that the tenants need, each need once, however many ask."""
    return [
        *_standing(context, Rollouts, rollouts.answer),
        *_standing(context, Scaling, scaling.answer),
        *_standing(context, Kafka, kafka.answer),
        *_standing(context, Traces, traces.answer),
        *_standing(context, Logs, logs.answer),
        *_standing(context, Alerts, alerts.answer),
        *_standing(context, Dashboards, dashboards.answer),
        *_standing(context, Policies, policies.answer),
        *_standing(context, Chaos, chaos.answer),
    ]


def asks(tenant: Tenant, need: type[Asking]) -> bool:
    """Whether it is among the tenant's needs."""
    return any(isinstance(one, need) for one in tenant.needs)


def written_by_others(tenant: Tenant) -> Sequence[Difference]:
    """The fields of a tenant's objects that what it needs writes."""
    return rollouts.SHIFTED if asks(tenant, Rollouts) else ()


def kinds_of(tenant: Tenant) -> list[str]:
    """The kinds that a tenant makes of what it needs, as Argo CD's projects have them."""
    known: dict[type, Sequence[str]] = {
        Rollouts: rollouts.KINDS,
        Kafka: kafka.KINDS,
        Policies: policies.KINDS,
        Chaos: chaos.KINDS,
    }
    return [kind for need in tenant.needs for kind in known.get(type(need), ())]


def marks(tenant: Tenant) -> Mapping[str, str]:
    """The annotations of a tenant's namespaces that say to a controller that it may act there."""
    return chaos.MARK if asks(tenant, Chaos) else {}


def build_needs(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register what Prometheus asks of it, and what of the cluster's own objects it changes; the charts are the platform's."""
    room = context.names.logical("needs")
    for answer in answers(context):
        for one in answer.monitors:
            Scrape(f"{room}-{one.meta.name}", one, opts)
        if answer.build is not None:
            answer.build(room, opts)


def _standing(context: Context, need: type[Asking], answer: Callable[[Context, Asked[Asking]], Answer]) -> list[Answer]:
    asked = context.asking(need)
    return [answer(context, asked)] if asked else []
