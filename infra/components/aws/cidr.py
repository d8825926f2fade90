"""Where subnets lie in a VPC: arithmetic only, no resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations

PRIVATE_OFFSET = 10
"""Public subnets are blocks 0, 1, 2 … of the VPC, private ones blocks 10, 11, 12 … (wealist.md §2.1)."""


@dataclass(frozen=True, kw_only=True)
class ZoneSubnets:
    """One zone's two subnets, as CIDR blocks."""

    public: str
    private: str


def plan_subnets(vpc: str, slots: Mapping[str, int], *, prefix: int = 24) -> dict[str, ZoneSubnets]:
    """Each zone's subnets: block `slot` is the public one, block `10 + slot` the private one.

    A zone's blocks depend on its own slot alone, so adding a zone moves no other. `ValueError` for a slot that does not fit
    the VPC, or that makes two subnets overlap.
    """
    network = IPv4Network(vpc)
    plan = {
        zone: ZoneSubnets(public=_block(network, slot, prefix), private=_block(network, PRIVATE_OFFSET + slot, prefix))
        for zone, slot in slots.items()
    }
    blocks = [IPv4Network(block) for pair in plan.values() for block in (pair.public, pair.private)]
    for one, other in combinations(blocks, 2):
        if one.overlaps(other):
            raise ValueError(
                f"subnets {one} and {other} of {vpc} overlap: slots must differ and be below {PRIVATE_OFFSET}"
            )
    return plan


def _block(network: IPv4Network, index: int, prefix: int) -> str:
    available = 2 ** (prefix - network.prefixlen)
    if not 0 <= index < available:
        raise ValueError(f"{network} has {available} blocks of /{prefix}: there is no block {index}")
    address = int(network.network_address) + index * 2 ** (32 - prefix)
    return str(IPv4Network((address, prefix)))
