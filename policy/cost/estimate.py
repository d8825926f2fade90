"""The estimate: what each resource of a stack costs a month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from policy.cost.table import Assumptions, Prices, assumptions, prices
from policy.cost.uses import USES, Bill, UnknownCost, Use
from policy.cost.volumes import CLAIMING, SERVICE, uses_of_object
from policy.rules.model import Resource, Stack


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that is billed of a resource, in US dollars a month."""

    urn: str
    name: str
    type: str
    use: Use
    per: str
    usd: float

    @property
    def system(self) -> str:
        """By the rule, what the logical name begins with."""
        return self.name.partition("-")[0]


@dataclass(frozen=True, kw_only=True)
class Unpriced:
    """A resource that costs what nobody here can say, and why."""

    resource: Resource
    why: str


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a stack costs a month, in US dollars."""

    lines: tuple[Line, ...]
    unpriced: tuple[Unpriced, ...]

    @property
    def usd(self) -> float:
        return sum(line.usd for line in self.lines)

    @property
    def assumed_usd(self) -> float:
        """The part that hangs on assumed use."""
        return sum(line.usd for line in self.lines if line.use.assumed)

    def by_system(self) -> Mapping[str, float]:
        return self._summed(lambda line: line.system)

    def by_resource(self) -> Mapping[str, float]:
        """By URN."""
        return self._summed(lambda line: line.urn)

    def by_service(self) -> Mapping[str, float]:
        """By the first part of the price's key, the dearest first."""
        return self._summed(lambda line: line.use.key.partition(".")[0])

    def _summed(self, key: Callable[[Line], str]) -> Mapping[str, float]:
        found: dict[str, float] = defaultdict(float)
        for line in self.lines:
            found[key(line)] += line.usd
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def estimate(
    stack: Stack,
    *,
    region: str,
    load_percent: float = 100,
    table: Prices | None = None,
    assumed: Assumptions | None = None,
) -> Estimate:
    """The estimate of a stack in a region at so much of the assumed use.

    What it is made of must be known: a value that is not yet raises pulumi_policy's `UnknownValueError`, as in any rule.
    """
    table, assumed = table or prices(), assumed or assumptions()
    bill = Bill(stack=stack, assumed=assumed)
    lines: list[Line] = []
    unpriced: list[Unpriced] = []
    for resource in stack.of(*USES, *CLAIMING, SERVICE):
        try:
            for use in _uses(resource, bill):
                lines.append(_line(resource, _loaded(use, load_percent), region, table))
        except UnknownCost as unknown:
            unpriced.append(Unpriced(resource=resource, why=str(unknown)))
    return Estimate(lines=tuple(lines), unpriced=tuple(unpriced))


def of_unknown_types(resources: Iterable[Resource], table: Prices | None = None) -> Iterator[Unpriced]:
    """The AWS resources of which the table says neither what they cost nor that they cost nothing."""
    known = USES.keys() | (table or prices()).free.keys()
    for resource in resources:
        if resource.type.startswith("aws:") and resource.type not in known:
            yield Unpriced(resource=resource, why=f"nothing is known of what {resource.type} costs")


def _uses(resource: Resource, bill: Bill) -> Iterator[Use]:
    if resource.type in USES:
        return USES[resource.type](resource, bill)
    return uses_of_object(resource, bill.assumed.hours)


def _loaded(use: Use, percent: float) -> Use:
    return Use(key=use.key, amount=use.amount * percent / 100, assumed=True) if use.assumed else use


def _line(resource: Resource, use: Use, region: str, table: Prices) -> Line:
    price = table.price(region, use.key)
    if price is None:
        raise UnknownCost(f"there is no price of {use.key} in {region}")
    return Line(
        urn=resource.urn,
        name=resource.name,
        type=resource.type,
        use=use,
        per=price.per,
        usd=price.usd * use.amount,
    )
