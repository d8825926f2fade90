"""Which subnets are public: those whose route table leads to an internet gateway."""

from __future__ import annotations

from policy.aws_types import ROUTE, ROUTE_TABLE_ASSOCIATION, SUBNET
from policy.checks import identifiers
from policy.rules.model import Stack


def public_subnets(stack: Stack) -> dict[str, str]:
    """Their logical names by their ids."""
    tables = {
        one.props.get("routeTableId")
        for one in stack.of(ROUTE)
        if str(one.props.get("gatewayId") or "").startswith("igw-")
    }
    exposed = {
        one.props.get("subnetId")
        for one in stack.of(ROUTE_TABLE_ASSOCIATION)
        if one.props.get("routeTableId") in tables
    }
    return {
        identifier: subnet.name
        for subnet in stack.of(SUBNET)
        for identifier in identifiers(subnet)
        if identifier in exposed
    }
