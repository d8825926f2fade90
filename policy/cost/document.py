"""docs/cost.md, written from the tables: `python -m policy.cost.document > docs/cost.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policy.cost.table import Source, assumptions, prices

_HEAD = """# What it costs

<!-- Written by `make docs`; edit policy/cost/ instead. -->

`make up` estimates what the stack costs a month, by system and by service (`SHOW=cost` at length); a [preview](preview.md) says
what a change does to it; two [policies](policies.md) advise: `cost-budget` above the stack's budget, `cost-known` on what has
no price.

| setting | what for |
|---|---|
| `platform.monthly_budget_usd` | US dollars that the stack may cost a month; a stack without one is told of |
| `platform.load_percent` | how much of the assumed use below the stack is expected to carry |

**How it is reckoned:** from what the program registers, resource by resource (`policy/cost/uses.py`): what stands by the hour,
volumes of the machines and those that objects of the cluster claim, what is billed by the piece; and traffic, requests and logs
by the assumptions below, which are marked as such. Prices are AWS's on demand, without taxes, free tiers, reserved capacity or
savings plans: an estimate is above what an account with any of these pays. Not in it: CPU credits of t3 machines beyond their
baseline, support plans, the domain's registration, what comes after a key's first rotations, and whatever is made by hand (the
bucket of Pulumi's state and its key).

**wealist.md's own figures** (PostgreSQL about $15 a month in one zone and $30 in two, Redis about $12) are us-east-1's prices
with 20 GB: the same estimate with that region's prices gives $15.44, $30.88 and $12.41. In Seoul, where the document puts them,
it is $23.06, $46.12 and $18.25. `tests/cost/test_estimate.py` holds both.

**What could not be had:** AWS's price list itself. Every price below is second hand; where two sources had one, they agreed.
Before a budget is decided on, look the dearest up in AWS's calculator.
"""


def render() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_assumed(), *_prices(), *_sources(), *_free()]) + "\n"


def _assumed() -> Iterator[str]:
    yield "## Assumed use\n"
    yield f"A month has {assumptions().hours} hours. For each resource of a kind, at 100 % load:\n"
    yield "| of | a month |"
    yield "|---|---|"
    for kind, amounts in assumptions().use.items():
        yield f"| {kind.replace('_', ' ')} | {_listed(amounts)} |"
    for pattern, amounts in assumptions().named.items():
        yield f"| `{pattern}` | {_listed(amounts)} |"
    yield ""


def _listed(amounts: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {amount:g}" for name, amount in amounts.items())


def _prices() -> Iterator[str]:
    for region, found in prices().regions.items():
        yield f"## Prices in {region}\n"
        yield "| key | USD | per | source |"
        yield "|---|--:|---|---|"
        for key, price in found.items():
            yield f"| `{key}` | {price.usd:g} | {price.per} | {price.source} |"
        yield ""


def _sources() -> Iterator[str]:
    yield "## Sources\n"
    yield "| source | what it is | published | read |"
    yield "|---|---|---|---|"
    for name, source in prices().sources.items():
        yield f"| {name} | {_told(source)} | {source.published} | {source.read} |"
    yield ""


def _told(source: Source) -> str:
    by = f", quoted by {source.by}" if source.by else ""
    return f"{source.what}{by}{' (derived)' if source.derived else ''}"


def _free() -> Iterator[str]:
    yield "## What costs nothing by itself\n"
    yield "| type | why |"
    yield "|---|---|"
    for type_, why in prices().free.items():
        yield f"| `{type_}` | {why} |"


if __name__ == "__main__":
    print(render(), end="")
