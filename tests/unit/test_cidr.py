"""Subnet arithmetic (wealist.md §2.1)."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.components.aws.cidr import ZoneSubnets, plan_subnets

ZONES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 5), min_size=1).filter(
    lambda zones: len(set(zones.values())) == len(zones)
)
VPCS = st.tuples(st.integers(0, 255), st.integers(16, 20)).map(lambda pair: f"10.{pair[0]}.0.0/{pair[1]}")

# A machine that others keep busy is no finding.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def blocks(plan: dict[str, ZoneSubnets]) -> list[IPv4Network]:
    return [IPv4Network(block) for pair in plan.values() for block in (pair.public, pair.private)]


def test_the_documents_subnets_are_planned() -> None:
    assert plan_subnets("10.1.0.0/16", {"a": 0, "c": 1, "d": 2}) == {
        "a": ZoneSubnets(public="10.1.0.0/24", private="10.1.10.0/24"),
        "c": ZoneSubnets(public="10.1.1.0/24", private="10.1.11.0/24"),
        "d": ZoneSubnets(public="10.1.2.0/24", private="10.1.12.0/24"),
    }


@unhurried
@given(VPCS, ZONES)
def test_subnets_lie_in_the_vpc_and_never_overlap(vpc: str, zones: dict[str, int]) -> None:
    planned = blocks(plan_subnets(vpc, zones))
    assert all(block.subnet_of(IPv4Network(vpc)) for block in planned)
    assert not any(one.overlaps(other) for one in planned for other in planned if one is not other)


@unhurried
@given(VPCS, ZONES, st.data())
def test_adding_a_zone_moves_no_other(vpc: str, zones: dict[str, int], data: st.DataObject) -> None:
    fewer = data.draw(st.sets(st.sampled_from(sorted(zones)), min_size=1))
    before = plan_subnets(vpc, {zone: zones[zone] for zone in fewer})
    after = plan_subnets(vpc, zones)
    assert all(after[zone] == before[zone] for zone in fewer)


@unhurried
@given(ZONES)
def test_the_order_of_zones_does_not_matter(zones: dict[str, int]) -> None:
    backwards = dict(reversed(zones.items()))
    assert plan_subnets("10.1.0.0/16", zones) == plan_subnets("10.1.0.0/16", backwards)


def test_a_slot_beyond_the_vpc_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.1\.0\.0/20 has 16 blocks of /24: there is no block 16"):
        plan_subnets("10.1.0.0/20", {"a": 6})


def test_slots_that_make_subnets_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        plan_subnets("10.1.0.0/16", {"a": 0, "b": 10})
