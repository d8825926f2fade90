"""What a stack costs a month, by system, by service and by resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from policy.configured import platform_of, region_of
from policy.cost.estimate import Estimate, estimate
from policy.rules.model import Stack
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording


def estimated(recording: Recording, stack: str) -> Estimate | None:
    """The estimate where the stack lives, at its expected load; `None` of a stack without a file."""
    region = region_of(stack)
    if not region:
        return None
    load = float(platform_of(stack).get("load_percent", 100))
    return estimate(Stack(seen_by_rules(recording)), region=region, load_percent=load)


def cost_chapter(recording: Recording, stack: str) -> RenderableType:
    """Tables: the systems against the budget, the services, the resources."""
    found = estimated(recording, stack)
    if found is None:
        return Text(f"it is not known where {stack} lives")
    budget = platform_of(stack).get("monthly_budget_usd")
    of = f" of a budget of {float(budget):,.0f}" if budget else ", and there is no budget"
    parts: list[RenderableType] = [
        Text(f"{found.usd:,.2f} USD{of}; {found.assumed_usd:,.2f} of it by assumed use (docs/cost.md)", "bold"),
        _table("system", found.by_system()),
        _table("service", found.by_service()),
        _resources(found),
    ]
    parts += [Text(f"not counted: {one.resource.name}: {one.why}", "yellow") for one in found.unpriced]
    return Group(*parts)


def _table(title: str, rows: Mapping[str, float]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(title)
    table.add_column("USD a month", justify="right")
    for name, usd in rows.items():
        table.add_row(name, f"{usd:,.2f}")
    return table


def _resources(found: Estimate) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("resource")
    table.add_column("USD a month", justify="right")
    table.add_column("of which")
    details = defaultdict(list)
    names = {line.urn: line.name for line in found.lines}
    for line in found.lines:
        details[line.urn].append(f"{line.use.key} × {line.use.amount:g}{' (assumed)' if line.use.assumed else ''}")
    for urn, usd in found.by_resource().items():
        table.add_row(names[urn], f"{usd:,.2f}", "; ".join(details[urn]))
    return table
