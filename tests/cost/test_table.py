"""The table of prices: each says where it is from, and none contradicts what is known of its kind."""

from __future__ import annotations

import re
from datetime import date

import pytest
from pydantic import ValidationError

from infra.settings.instance_types import launchable
from policy.cost.table import Prices, prices

READ = date(2026, 11, 30)
ENTRIES = [(region, key) for region, found in prices().regions.items() for key in found]


@pytest.mark.parametrize("source", prices().sources)
def test_a_source_says_what_it_is_and_when_it_was_read(source: str) -> None:
    found = prices().sources[source]
    assert date(2026, 1, 1) < found.read <= READ
    assert found.published == "unknown" or found.published <= found.read


def test_every_source_is_used() -> None:
    assert {prices().regions[region][key].source for region, key in ENTRIES} == set(prices().sources)


def test_a_price_of_an_unknown_source_is_an_error() -> None:
    table = {"sources": {}, "regions": {"x": {"a": {"usd": 1, "per": "hour", "source": "hearsay"}}}, "free": {}}
    with pytest.raises(ValidationError, match="no source is called hearsay"):
        Prices.model_validate(table)


def test_machines_are_types_that_ec2_has() -> None:
    for _, key in ENTRIES:
        if key.startswith("ec2."):
            assert launchable(key.removeprefix("ec2."))


def test_each_size_of_t3_costs_twice_the_one_below() -> None:
    """As AWS prices its families: what three sources say fits together."""
    sizes = ("micro", "small", "medium", "large", "xlarge", "2xlarge")
    found = [prices().regions["ap-northeast-2"][f"ec2.t3.{size}"].usd for size in sizes]
    assert found == [pytest.approx(0.013 * 2**step) for step in range(6)]


def test_two_zones_cost_twice_as_much() -> None:
    for region, key in ENTRIES:
        if key.endswith(".multi-az"):
            single = prices().regions[region][key.removesuffix(".multi-az")].usd
            assert prices().regions[region][key].usd == pytest.approx(2 * single, rel=0.03)


def test_every_free_type_says_why() -> None:
    for type_, why in prices().free.items():
        assert re.fullmatch(r"aws:\w+/(\w+):\w+", type_), type_
        assert len(why) > 10


def test_the_page_is_up_to_date() -> None:
    from policy.cost.document import render
    from tests.stacks import ROOT

    assert (ROOT / "docs" / "cost.md").read_text() == render(), "write it again: make docs"
