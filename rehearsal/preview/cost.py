"""What a change costs: a stack's estimate on both sides, and what of the change costs most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policy.configured import platform_of, region_of
from policy.cost.estimate import Estimate, estimate
from policy.rules.model import Stack
from rehearsal.judging import seen_as
from rehearsal.preview.comparison import Comparison
from rehearsal.preview.snapshot import Resource, Snapshot

_CENT = 0.005
MOST = 3
"""How many changes are named."""


@dataclass(frozen=True, kw_only=True)
class CostChange:
    """What one resource costs before and after, in US dollars a month; the one that goes on is the one after."""

    resource: Resource
    before: float
    after: float

    @property
    def usd(self) -> float:
        return self.after - self.before


@dataclass(frozen=True, kw_only=True)
class CostOfChange:
    """A stack's estimate before and after, the changes that cost most (or save most) first, and what has no price."""

    before: float
    after: float
    changes: tuple[CostChange, ...]
    unpriced: tuple[str, ...]

    @property
    def usd(self) -> float:
        return self.after - self.before


def cost_of(comparison: Comparison) -> CostOfChange | None:
    """Both sides at this commit's prices, assumptions and expected load; `None` where it is not known where the stack lives."""
    region = region_of(comparison.stack)
    if not region:
        return None
    load = float(platform_of(comparison.stack).get("load_percent", 100))
    old, new = (_estimated(side, region, load) for side in (comparison.old, comparison.new))
    changes = sorted(_changes(comparison, old, new), key=lambda one: (-abs(one.usd), one.resource.name))
    return CostOfChange(
        before=old.usd,
        after=new.usd,
        changes=tuple(one for one in changes if abs(one.usd) >= _CENT),
        unpriced=tuple(f"{one.resource.name}: {one.why}" for one in new.unpriced),
    )


def _estimated(side: Snapshot, region: str, load: float) -> Estimate:
    seen = (seen_as(one, dict(one.inputs), dict(one.outputs), one.id) for one in side)
    return estimate(Stack(seen), region=region, load_percent=load)


def _changes(comparison: Comparison, old: Estimate, new: Estimate) -> Iterator[CostChange]:
    before, after = old.by_resource(), new.by_resource()
    goes_on = _goes_on(comparison)
    for urn, cost in after.items():
        was = goes_on.get(urn)
        yield CostChange(resource=comparison.new.resources[urn], before=before.get(was or "", 0), after=cost)
    gone = before.keys() - {was for urn, was in goes_on.items() if urn in after}
    for urn in gone:
        yield CostChange(resource=comparison.old.resources[urn], before=before[urn], after=0)


def _goes_on(comparison: Comparison) -> Mapping[str, str]:
    """New URN → the old one of what goes on, also under another name without an alias: that costs what it did."""
    found = {urn: was.urn for urn, was in comparison.pairs.items()}
    return found | {one.new.urn: one.twin.urn for one in comparison.changes if one.new and one.twin}
