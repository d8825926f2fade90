"""Who may reach whom in AWS: security groups."""

from __future__ import annotations

from collections.abc import Mapping

from policy import aws_types as aws
from policy.checks import each
from policy.kubernetes_objects import number
from policy.rules.model import Resource
from rehearsal.html.model import Edge, Graph, Node, Part, Table

_CARRIERS: Mapping[str, tuple[str, ...]] = {
    aws.INSTANCE: ("vpcSecurityGroupIds",),
    aws.LAUNCH_TEMPLATE: ("vpcSecurityGroupIds",),
    aws.LOAD_BALANCER: ("securityGroups",),
    aws.DATABASE: ("vpcSecurityGroupIds",),
    aws.CACHE: ("securityGroupIds",),
    aws.ENDPOINT: ("securityGroupIds",),
}


def security_groups(part: Part) -> tuple[Graph, Table]:
    """The groups and the rules that let something in."""
    groups = {str(one.outputs.get("id")): one for one in part.of(aws.SECURITY_GROUP)}
    names = {id_: str(one.props.get("name") or one.name) for id_, one in groups.items()}
    rows, edges, outer = [], [], set()
    for rule in part.of(aws.INGRESS_RULE):
        target = str(rule.props.get("securityGroupId"))
        source = str(next((rule.props[key] for key in _SOURCES if rule.props.get(key)), "?"))
        if source not in groups:
            outer.add(source)
        ports = _ports(rule)
        rows.append(
            (names.get(source, source), names.get(target, target), ports, str(rule.props.get("description") or ""))
        )
        edges.append(Edge(source=source, target=target, label=ports))
    nodes = [Node(id=one, label=one, below="outside", kind="world") for one in sorted(outer)]
    nodes += [
        Node(id=id_, label=names[id_], below=_carried(part, id_), kind="group")
        for id_ in sorted(groups, key=names.get)  # type: ignore[arg-type]
    ]
    graph = Graph(
        id=f"{part.system}-groups",
        title="Security groups",
        nodes=tuple(nodes),
        edges=tuple(edges),
        about="An arrow is a rule that lets connections in.",
    )
    table = Table(
        id=f"{part.system}-group-rules",
        title="Security groups' rules",
        columns=("from", "to", "ports", "what for"),
        rows=tuple(sorted(rows)),
    )
    return graph, table


_SOURCES = ("referencedSecurityGroupId", "cidrIpv4", "cidrIpv6", "prefixListId")


def _ports(rule: Resource) -> str:
    protocol = str(rule.props.get("ipProtocol"))
    low, high = (rule.props.get(key) for key in ("fromPort", "toPort"))
    if protocol == "-1" or low is None:
        return "all"
    return f"{protocol} {number(low)}" + (f"–{number(high)}" if high != low else "")


def _carried(part: Part, group: str) -> str:
    """What has the group: `14 machines, 1 load balancer`."""
    words = {
        aws.INSTANCE: "machine",
        aws.LAUNCH_TEMPLATE: "template",
        aws.LOAD_BALANCER: "load balancer",
        aws.DATABASE: "database",
        aws.CACHE: "cache",
        aws.ENDPOINT: "endpoint",
    }
    found = []
    for type_, keys in _CARRIERS.items():
        count = sum(any(group in each(one.props, key) for key in keys) for one in part.of(type_))
        if count:
            found.append(f"{count} {words[type_]}{'s' if count > 1 else ''}")
    return ", ".join(found)
