"""Security groups and routes compared by what they let through, not by how it is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from rehearsal.preview.comparison import Comparison, Kind
from rehearsal.preview.dangers.model import Danger, Rank, quoted
from rehearsal.preview.references import References
from rehearsal.preview.snapshot import Resource, Snapshot

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_RULES = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "in",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "out",
}
_GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
_OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_ROUTE = "aws:ec2/route:Route"
_ANY = "-1"
_PORTS = (0, 65_535)
_WORLD = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One thing that a security group lets through, by one of its rules."""

    group: str
    direction: str
    protocol: str
    ports: tuple[int, int]
    peer: str
    resource: Resource

    @property
    def is_from_everywhere(self) -> bool:
        network = parsed(self.peer)
        return network is not None and network.prefixlen == 0

    def covers(self, other: Passage) -> bool:
        """Whether whatever `other` lets through, this lets through."""
        return (
            (self.group, self.direction) == (other.group, other.direction)
            and self.protocol in (_ANY, other.protocol)
            and self.ports[0] <= other.ports[0]
            and other.ports[1] <= self.ports[1]
            and contains(self.peer, other.peer)
        )


@cache
def parsed(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def contains(wide: str, narrow: str) -> bool:
    """Whether an address range, or the same group or prefix list, holds the other."""
    one, other = parsed(wide), parsed(narrow)
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return other.subnet_of(one)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return other.subnet_of(one)
    return wide == narrow


def widened_groups(comparison: Comparison) -> Iterator[Danger]:
    """What security groups let through now and did not before; of new groups, only what they open to everybody."""
    old, new = comparison.old_references, comparison.new_references
    before, after = list(passages(comparison.old, old)), list(passages(comparison.new, new))
    known = {one.group for one in before} | {
        _group(resource, old) for resource in comparison.old if resource.type in _GROUPS
    }
    for passage in after:
        if any(one.covers(passage) for one in (*before, *_joined(before, passage))):
            continue
        if passage.is_from_everywhere and passage.direction == "in":
            yield _opened(passage)
        elif passage.group in known:
            yield _widened(passage)


def _opened(passage: Passage) -> Danger:
    return Danger(
        rank=Rank.EXPOSED,
        resource=passage.resource,
        what=f"the security group {quoted(passage.group)} is opened to the world: {_traffic(passage)} from {quoted(passage.peer)}",
        why="every address on the internet gets through the group to whatever carries it",
        remedy="name who needs it: the security group of the load balancer, an address range, a prefix list",
    )


def _widened(passage: Passage) -> Danger:
    way = "from" if passage.direction == "in" else "to"
    return Danger(
        rank=Rank.WIDENED,
        resource=passage.resource,
        what=f"the security group {quoted(passage.group)} lets more through: {_traffic(passage)} {way} {quoted(passage.peer)}",
        why="no rule before it allowed that",
        remedy="keep the range, the ports and the peer as narrow as they were, or say in the pull request who needs it",
    )


def _traffic(passage: Passage) -> str:
    if passage.protocol == _ANY:
        return "all traffic"
    low, high = passage.ports
    ports = "all ports" if passage.ports == _PORTS else f"port {low}" if low == high else f"ports {low} to {high}"
    return f"{quoted(passage.protocol)} {ports}"


def _joined(before: list[Passage], passage: Passage) -> Iterator[Passage]:
    """Neighbouring ranges of the old side as one, where they let the same traffic through."""
    network = parsed(passage.peer)
    wide = [one for one in before if (found := parsed(one.peer)) and network and found.version == network.version]
    same = [one for one in wide if Passage(**{**vars(one), "peer": passage.peer}).covers(passage)]
    networks = [found for one in same if (found := parsed(one.peer))]
    for joined in ipaddress.collapse_addresses(networks):  # type: ignore[type-var]
        yield Passage(**{**vars(same[0]), "peer": str(joined)})


def passages(snapshot: Snapshot, references: References) -> Iterator[Passage]:
    """All that the security groups of a side let through."""
    for resource in snapshot:
        if resource.type in _RULES:
            yield from _of_rule(resource, resource.inputs, _RULES[resource.type], references)
        elif resource.type == _OLD_RULE:
            direction = "in" if resource.inputs.get("type") == "ingress" else "out"
            yield from _of_rule(resource, resource.inputs, direction, references)
        elif resource.type in _GROUPS:
            for key, direction in (("ingress", "in"), ("egress", "out")):
                for rule in resource.inputs.get(key) or []:
                    yield from _of_rule(resource, rule, direction, references, group=_group(resource, references))


def _of_rule(
    resource: Resource, rule: Mapping[str, Any], direction: str, references: References, group: str = ""
) -> Iterator[Passage]:
    protocol = str(rule.get("ipProtocol") or rule.get("protocol") or _ANY)
    low, high = rule.get("fromPort"), rule.get("toPort")
    open_ = protocol == _ANY or low in (None, -1)
    for peer in _peers(rule):
        yield Passage(
            group=group or _readable(rule.get("securityGroupId"), references),
            direction=direction,
            protocol=_ANY if protocol == "all" else protocol,
            ports=_PORTS if open_ else (int(low or 0), int(high if high is not None else low or 0)),
            peer=_readable(peer, references),
            resource=resource,
        )


def _peers(rule: Mapping[str, Any]) -> Iterator[str]:
    singles = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId", "sourceSecurityGroupId")
    yield from (str(rule[key]) for key in singles if rule.get(key))
    for key in ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "securityGroups"):
        yield from map(str, rule.get(key) or [])
    if rule.get("self"):
        yield "self"


def _group(resource: Resource, references: References) -> str:
    return _readable(resource.id, references)


def _readable(value: Any, references: References) -> str:
    """A reference without its clothes: `wealist-security-alb` for the group that the program calls so."""
    return str(references.readable(str(value))).removeprefix("${").removesuffix("}").removesuffix(".id")


def opened_routes(comparison: Comparison) -> Iterator[Danger]:
    """Routes to an internet gateway in tables that had none: what is in their subnets gets a way in and out."""
    gateways = [
        {_table(one, references) for one in side if one.type == _ROUTE and _leads_out(one)}
        for side, references in (
            (comparison.old, comparison.old_references),
            (comparison.new, comparison.new_references),
        )
    ]
    existing = {
        _readable(one.id, comparison.old_references) for one in comparison.old if one.type.endswith(":RouteTable")
    }
    for change in comparison.changes:
        route = change.new
        if route and route.type == _ROUTE and change.kind is not Kind.REMOVE and _leads_out(route):
            table = _table(route, comparison.new_references)
            if table in existing and table not in gateways[0]:
                yield Danger(
                    rank=Rank.EXPOSED,
                    resource=route,
                    what=f"the route table {quoted(table)} leads to an internet gateway",
                    why="its subnets are public from now on: an address is all that an instance in them needs to be reached",
                    remedy="route private subnets through the NAT gateway",
                )


def _leads_out(route: Resource) -> bool:
    destinations = (route.inputs.get("destinationCidrBlock"), route.inputs.get("destinationIpv6CidrBlock"))
    return str(route.inputs.get("gatewayId", "")).startswith("igw-") and any(one in _WORLD for one in destinations)


def _table(route: Resource, references: References) -> str:
    return _readable(route.inputs.get("routeTableId"), references)
