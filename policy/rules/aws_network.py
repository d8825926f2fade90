"""Networks: who may reach what, and a record of who did."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policy.aws_types import (
    CACHE,
    DATABASE,
    DEFAULT_GROUP,
    EGRESS_RULE,
    ENDPOINT,
    FLOW_LOG,
    INGRESS_RULE,
    LISTENER,
    LOAD_BALANCER,
    SECURITY_GROUP,
    SUBNET,
    VPC,
)
from policy.checks import each, identifiers, is_off, is_one_of, is_set, is_true, wants, wants_all
from policy.iam_documents import Statement, account_of, statements
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

WORLD = frozenset({"0.0.0.0/0", "::/0"})
ALL = ("-1", "all")
HIGHEST = 65_535
VERIFIED_PORT = 8443
"""HTTPS for clients with a certificate; whether one is asked for there, `_world_beside_load_balancers` looks at."""

WEB_PORTS = frozenset({80, 443, VERIFIED_PORT})
REMOTE_ADMINISTRATION = {22: "SSH", 3389: "RDP", 5985: "WinRM", 5986: "WinRM"}
EGRESS_PORTS = frozenset({443})
WIDEST = 100
"""More ports than this in one rule is no list of services."""

DATA_ROLES = {DATABASE: "vpcSecurityGroupIds", CACHE: "securityGroupIds"}
SESSION_SERVICES = ("ssm", "ssmmessages", "ec2messages")

WHOSE = ("aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalArn")
SOMEBODY = re.compile(r"\d{12}|o-[a-z0-9]{10,32}|arn:aws[\w-]*:(iam|sts)::\d{12}:.+")
"""An account, an organization, or a principal of an account: no wildcard in whose it is."""

_GROUPS_ROOM = "infra/components/aws/security_groups.py"
_NETWORK_ROOM = "infra/components/aws/network.py"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One way in or out: the ports of a protocol, and the addresses that it is for."""

    protocol: str
    first: int
    last: int
    peers: tuple[str, ...]

    @property
    def is_for_the_world(self) -> bool:
        return any(peer in WORLD for peer in self.peers)

    @property
    def is_everything(self) -> bool:
        return self.protocol in ALL

    def takes(self, port: int) -> bool:
        return self.is_everything or (self.protocol in ("tcp", "6") and self.first <= port <= self.last)

    def within(self, ports: frozenset[int]) -> bool:
        return (
            not self.is_everything and self.protocol in ("tcp", "6") and set(range(self.first, self.last + 1)) <= ports
        )

    def __str__(self) -> str:
        ports = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        what = "everything" if self.is_everything else f"{self.protocol} {ports}"
        return f"{what}, {', '.join(self.peers)}"


def _openings(resource: Resource, way: str) -> Iterator[Opening]:
    """Those of a rule by itself, and those written into a group."""
    if resource.type in (SECURITY_GROUP, DEFAULT_GROUP):
        for rule in each(resource.props, way):
            yield _inline(rule)
    else:
        yield _single(resource.props)


def _single(props: Mapping[str, Any]) -> Opening:
    peers = (props.get("cidrIpv4"), props.get("cidrIpv6"), props.get("prefixListId"))
    return _opening(str(props.get("ipProtocol")), props, peers)


def _inline(rule: Mapping[str, Any]) -> Opening:
    peers = (*each(rule, "cidrBlocks"), *each(rule, "ipv6CidrBlocks"), *each(rule, "prefixListIds"))
    return _opening(str(rule.get("protocol")), rule, peers)


def _opening(protocol: str, rule: Mapping[str, Any], peers: Iterable[Any]) -> Opening:
    ports = (rule.get("fromPort"), rule.get("toPort"))
    everything = protocol in ALL or None in ports
    first, last = (0, HIGHEST) if everything else (int(float(str(ports[0]))), int(float(str(ports[1]))))
    return Opening(protocol=protocol, first=first, last=last, peers=tuple(str(peer) for peer in peers if peer))


def _remote_administration(resource: Resource) -> Iterator[str]:
    for opening in _openings(resource, "ingress"):
        names = sorted({name for port, name in REMOTE_ADMINISTRATION.items() if opening.takes(port)})
        if opening.is_for_the_world and names:
            yield f"{', '.join(names)} from the whole world ({opening})"


def _world(resource: Resource) -> Iterator[str]:
    for opening in _openings(resource, "ingress"):
        administration = any(opening.takes(port) for port in REMOTE_ADMINISTRATION)
        if opening.is_for_the_world and not administration and not opening.within(WEB_PORTS):
            yield f"open to the whole world ({opening})"


def _world_beside_load_balancers(stack: Stack) -> Iterator[tuple[Resource, str]]:
    public = [one for one in stack.of(LOAD_BALANCER) if not one.props.get("internal")]
    groups = _groups(public)
    asking = _groups(one for one in public if _asks_for_certificates(stack, one))
    for resource, group, opening in _web_from_the_world(stack):
        if not group & groups:
            yield resource, f"its group is none of a public load balancer ({opening})"
        elif opening.takes(VERIFIED_PORT) and not group & asking:
            yield (
                resource,
                f"no listener of its load balancer asks for a client's certificate on {VERIFIED_PORT} ({opening})",
            )


def _groups(balancers: Iterable[Resource]) -> set[str]:
    return {group for one in balancers for group in each(one.props, "securityGroups")}


def _asks_for_certificates(stack: Stack, balancer: Resource) -> bool:
    return any(
        listener.props.get("port") == VERIFIED_PORT
        and (listener.props.get("mutualAuthentication") or {}).get("mode") == "verify"
        and listener.props.get("loadBalancerArn") in identifiers(balancer)
        for listener in stack.of(LISTENER)
    )


def _web_from_the_world(stack: Stack) -> Iterator[tuple[Resource, set[str], Opening]]:
    """Each such opening, where it is written, and what its group is called."""
    for resource in stack.of(INGRESS_RULE, SECURITY_GROUP):
        alone = resource.type == INGRESS_RULE
        group = {str(resource.props.get("securityGroupId"))} if alone else identifiers(resource)
        for opening in _openings(resource, "ingress"):
            if opening.is_for_the_world and opening.within(WEB_PORTS):
                yield resource, group, opening


def _wide(resource: Resource) -> Iterator[str]:
    for opening in _openings(resource, "ingress"):
        if not opening.is_for_the_world and opening.last - opening.first > WIDEST:
            yield f"it takes {opening.last - opening.first + 1} ports ({opening})"


def _data_by_address(stack: Stack) -> Iterator[tuple[Resource, str]]:
    guarding = {group for one in stack.of(*DATA_ROLES) for group in each(one.props, DATA_ROLES[one.type])}
    for rule in stack.of(INGRESS_RULE):
        opening = _single(rule.props)
        by_address = opening.peers and not opening.is_for_the_world
        if by_address and rule.props.get("securityGroupId") in guarding:
            yield rule, f"addresses, and no security group, are let in to data ({opening})"


def _leaves(resource: Resource) -> Iterator[str]:
    for opening in _openings(resource, "egress"):
        if opening.is_for_the_world and not opening.within(EGRESS_PORTS):
            yield f"out into the whole world on more than HTTPS ({opening})"


def _default_group_used(resource: Resource) -> Iterator[str]:
    for way in ("ingress", "egress"):
        count = len(each(resource.props, way))
        if count:
            yield f"it has {count} {way} rule{'' if count == 1 else 's'}"


def _vpcs_without(type_: str, what: str) -> Any:
    def check(stack: Stack) -> Iterator[tuple[Resource, str]]:
        having = {one.props.get("vpcId") for one in stack.of(type_)}
        for vpc in stack.of(VPC):
            if not identifiers(vpc) & having:
                yield vpc, what

    return check


def _unreachable_by_session(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for vpc in stack.of(VPC):
        services = {
            str(one.props.get("serviceName")).rsplit(".", 1)[-1]
            for one in stack.of(ENDPOINT)
            if one.props.get("vpcId") in identifiers(vpc) and one.props.get("vpcEndpointType") == "Interface"
        }
        missing = [service for service in SESSION_SERVICES if service not in services]
        if missing:
            yield vpc, f"it has no interface endpoint for {', '.join(missing)}"


def _for_any_account(resource: Resource) -> Iterator[str]:
    """AWS's own buckets hold packages that everybody reads: those may be named, for reading."""
    found = statements(resource.props.get("policy"))
    if not found:
        yield "policy is not set: any account's principals may use it, for any account's resources"
    for one in found:
        reads_named = one.actions == ("s3:GetObject",) and "*" not in one.resources and one.resources
        if one.allows and one.is_for_anybody and not _names_somebody(one) and not reads_named:
            yield f"'{one.label}' serves principals of any account"


def _names_somebody(one: Statement) -> bool:
    """One key with named values is enough: conditions hold together."""
    found = [one.condition(key) for key in WHOSE]
    return any(values and all(map(SOMEBODY.fullmatch, values)) for values in found)


def _for_other_accounts(stack: Stack) -> Iterator[tuple[Resource, str]]:
    for endpoint in stack.of(ENDPOINT):
        own = account_of(str(endpoint.outputs.get("arn")))
        for one in statements(endpoint.props.get("policy")) if own else ():
            accounts = {*one.condition(WHOSE[0]), *map(account_of, one.condition(WHOSE[2]))}
            others = sorted(account for account in accounts if account.isdecimal() and account != own)
            if one.allows and others:
                yield endpoint, f"'{one.label}' serves principals of {', '.join(others)}"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="sg-no-remote-administration",
        title="No security group takes SSH, RDP or WinRM from the world",
        controls=("AWS Security Hub EC2.53", "AWS Security Hub EC2.54", "CIS AWS 3.0 5.2", "CIS AWS 3.0 5.3"),
        severity=Severity.CRITICAL,
        remedy="remove the rule: people come in through Session Manager",
        types=frozenset({INGRESS_RULE, SECURITY_GROUP}),
        check=_remote_administration,
    ),
    ResourceRule(
        name="sg-world-web-only",
        title="Security groups take nothing but HTTP and HTTPS from the world, also of clients with a certificate (8443)",
        controls=("AWS FSBP EC2.18", "AWS FSBP EC2.19"),
        severity=Severity.CRITICAL,
        remedy=f"{_GROUPS_ROOM}: let in a group, or the VPC's addresses, instead of 0.0.0.0/0 or ::/0",
        types=frozenset({INGRESS_RULE, SECURITY_GROUP}),
        check=_world,
    ),
    StackRule(
        name="sg-world-load-balancers-only",
        title="Only public load balancers are reached from the world, on 8443 by clients with a certificate",
        controls=("AWS FSBP EC2.18", "AWS Well-Architected SEC05-BP01 Create network layers"),
        severity=Severity.CRITICAL,
        remedy=f"{_GROUPS_ROOM}: open the load balancer's group, and let that group in here",
        check=_world_beside_load_balancers,
    ),
    ResourceRule(
        name="sg-named-ports",
        title=f"Security groups let in named ports, no more than {WIDEST} in a row",
        controls=("AWS Well-Architected SEC05-BP02 Control traffic flow within your network layers",),
        severity=Severity.MEDIUM,
        remedy=f"{_GROUPS_ROOM}: one Edge per port",
        types=frozenset({INGRESS_RULE, SECURITY_GROUP}),
        check=_wide,
    ),
    StackRule(
        name="sg-data-by-group",
        title="Databases and caches are reached from security groups, not from addresses",
        controls=("AWS Well-Architected SEC05-BP02 Control traffic flow within your network layers",),
        severity=Severity.HIGH,
        remedy=f"{_GROUPS_ROOM}: let in the clients' group",
        check=_data_by_address,
    ),
    ResourceRule(
        name="sg-egress-https-only",
        title="What leaves for the world is HTTPS",
        controls=("AWS Well-Architected SEC05-BP02 Control traffic flow within your network layers",),
        severity=Severity.MEDIUM,
        remedy=f"{_GROUPS_ROOM}: let out to a group or to the VPC's addresses; only TCP 443 goes to 0.0.0.0/0",
        types=frozenset({EGRESS_RULE, SECURITY_GROUP}),
        check=_leaves,
    ),
    ResourceRule(
        name="vpc-default-group-closed",
        title="The default security group lets nothing in or out",
        controls=("AWS FSBP EC2.2", "CIS AWS 3.0 5.4"),
        severity=Severity.HIGH,
        remedy=f"{_NETWORK_ROOM}: ingress=[] and egress=[] of the DefaultSecurityGroup",
        types=frozenset({DEFAULT_GROUP}),
        check=_default_group_used,
    ),
    StackRule(
        name="vpc-default-group-managed",
        title="Every VPC's default security group is taken over, to close it",
        controls=("AWS FSBP EC2.2", "CIS AWS 3.0 5.4"),
        severity=Severity.HIGH,
        remedy=f"make VPCs with Network ({_NETWORK_ROOM}), which takes it over",
        check=_vpcs_without(DEFAULT_GROUP, "its default security group is as AWS made it: open within itself"),
    ),
    StackRule(
        name="vpc-flow-logs",
        title="Every VPC logs its traffic",
        controls=("AWS FSBP EC2.6", "CIS AWS 3.0 3.7"),
        severity=Severity.MEDIUM,
        remedy=f"make VPCs with Network ({_NETWORK_ROOM}), which brings flow logs",
        check=_vpcs_without(FLOW_LOG, "its traffic is not logged"),
    ),
    ResourceRule(
        name="vpc-flow-logs-all",
        title="Flow logs hold all traffic, what is refused and what is let through",
        controls=("AWS FSBP EC2.6", "CIS AWS 3.0 3.7"),
        severity=Severity.MEDIUM,
        remedy=f"{_NETWORK_ROOM}: traffic_type=ALL",
        types=frozenset({FLOW_LOG}),
        check=wants_all({"trafficType": is_one_of("ALL"), "logDestination": is_set}),
    ),
    ResourceRule(
        name="subnet-no-public-addresses",
        title="Subnets give out no public addresses by themselves",
        controls=("AWS FSBP EC2.15",),
        severity=Severity.MEDIUM,
        remedy=f"{_NETWORK_ROOM}: map_public_ip_on_launch=False",
        types=frozenset({SUBNET}),
        check=wants_all({"mapPublicIpOnLaunch": is_off, "assignIpv6AddressOnCreation": is_off}),
    ),
    StackRule(
        name="vpc-session-endpoints",
        title="Session Manager reaches every VPC without the internet",
        controls=("AWS FSBP EC2.57",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/endpoints.py: interface endpoints for " + ", ".join(SESSION_SERVICES),
        check=_unreachable_by_session,
    ),
    ResourceRule(
        name="endpoint-own-account",
        title="VPC endpoints serve principals of named accounts only",
        controls=("AWS Well-Architected SEC03-BP05 Define permission guardrails for your organization",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/endpoints.py: leave the condition on aws:PrincipalAccount in the policy",
        types=frozenset({ENDPOINT}),
        check=_for_any_account,
    ),
    StackRule(
        name="endpoint-no-other-account",
        title="VPC endpoints serve no principals of other accounts by number",
        controls=("AWS Well-Architected SEC03-BP05 Define permission guardrails for your organization",),
        severity=Severity.MEDIUM,
        remedy="infra/components/aws/endpoints.py: the account of the stack; for a whole organization aws:PrincipalOrgID",
        check=_for_other_accounts,
    ),
    ResourceRule(
        name="endpoint-private-dns",
        title="Interface endpoints answer under the service's own name",
        controls=("AWS Well-Architected SEC05-BP02 Control traffic flow within your network layers",),
        severity=Severity.LOW,
        remedy="infra/components/aws/endpoints.py: private_dns_enabled=True",
        types=frozenset({ENDPOINT}),
        check=lambda resource: (
            wants("privateDnsEnabled", is_true)(resource)
            if resource.props.get("vpcEndpointType") == "Interface"
            else ()
        ),
    ),
)
