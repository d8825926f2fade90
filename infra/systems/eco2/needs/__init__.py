"""What the platform runs because a tenant needs it: one room for each need of the contract (docs/adr/0025)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infra.components.cluster.gitops import Difference
from infra.contract import Kafka, Rollouts, Tenant
from infra.systems.eco2.context import Asked, Asking, Context
from infra.systems.eco2.needs import kafka, rollouts
from infra.systems.eco2.needs.answer import Answer


def answers(context: Context) -> list[Answer]:
    """What stands for all that the tenants need, each need once, however many ask."""
    return [
        *_standing(context, Rollouts, rollouts.answer),
        *_standing(context, Kafka, kafka.answer),
    ]


def written_by_others(tenant: Tenant) -> Sequence[Difference]:
    """The fields of a tenant's objects that what it needs writes."""
    return rollouts.SHIFTED if any(isinstance(need, Rollouts) for need in tenant.needs) else ()


def kinds_of(tenant: Tenant) -> list[str]:
    """The kinds that a tenant makes of what it needs, as Argo CD's projects have them."""
    known: dict[type, Sequence[str]] = {Rollouts: rollouts.KINDS, Kafka: kafka.KINDS}
    return [kind for need in tenant.needs for kind in known[type(need)]]


def _standing(context: Context, need: type[Asking], answer: Callable[[Context, Asked[Asking]], Answer]) -> list[Answer]:
    asked = context.asking(need)
    return [answer(context, asked)] if asked else []
