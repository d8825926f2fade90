"""What a stack costs a month, by the estimate (docs/cost.md): known, and within the stack's budget."""

from __future__ import annotations

from collections.abc import Iterator

from policy.configured import platform_of, region_of
from policy.cost.estimate import Estimate, estimate, of_unknown_types
from policy.remembered import once_per_stack
from policy.rules.model import Resource, Rule, Severity, Stack, StackRule


def _unpriced(stack: Stack) -> Iterator[tuple[Resource, str]]:
    unpriced = [*of_unknown_types(stack.of(*(type_ for type_ in stack.types if type_.startswith("aws:"))))]
    estimated = _estimated(stack)
    for one in [*unpriced, *(estimated.unpriced if estimated else ())]:
        yield one.resource, one.why


def _over_budget(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Said of the resource that costs most, which is where to begin."""
    estimated = _estimated(stack)
    if not estimated or not estimated.lines:
        return
    dearest = next(iter(estimated.by_resource()))
    types = {line.type for line in estimated.lines if line.urn == dearest}
    place = next(one for one in stack.of(*types) if one.urn == dearest)
    budget = platform_of(stack.name).get("monthly_budget_usd")
    if budget is None:
        yield place, f"the stack has no budget; it is estimated at {estimated.usd:,.0f} USD a month"
    elif estimated.usd > float(budget):
        yield (
            place,
            f"the stack is estimated at {estimated.usd:,.0f} USD a month, above its budget of {float(budget):,.0f}",
        )


@once_per_stack
def _estimated(stack: Stack) -> Estimate | None:
    """None for a stack of which it is not known where it lives."""
    region = region_of(stack.name)
    if not region:
        return None
    return estimate(stack, region=region, load_percent=float(platform_of(stack.name).get("load_percent", 100)))


RULES: tuple[Rule, ...] = (
    StackRule(
        name="cost-known",
        title="What a resource costs is known: it has a price, or it costs nothing",
        controls=("AWS Well-Architected COST02-BP05 Implement cost controls",),
        severity=Severity.LOW,
        remedy="add what it uses to policy/cost/uses.py and its price to policy/cost/prices.yaml, or say there why it is free",
        mandatory=False,
        check=_unpriced,
    ),
    StackRule(
        name="cost-budget",
        title="A stack's estimated cost is within its budget",
        controls=("AWS Well-Architected COST02-BP05 Implement cost controls",),
        severity=Severity.MEDIUM,
        remedy="make what costs most smaller (make up shows it), or set platform.monthly_budget_usd in the stack's file",
        mandatory=False,
        check=_over_budget,
    ),
)
