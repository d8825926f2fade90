"""Who may reach whom: security groups in AWS, network policies in the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policy import aws_types as aws
from policy.checks import at, each
from policy.kubernetes_objects import namespace_of, number
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
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_NAMING = ("app.kubernetes.io/name", "app", "k8s-app", "istio")


# Security groups


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


# Network policies


def network_policies(part: Part) -> tuple[Graph, Table]:
    """The arrows that the policies of the system's namespaces open, and at which of the two ends."""
    opened: dict[tuple[str, str, str], set[str]] = {}
    for policy in part.of(NETWORK_POLICY):
        own = _pods(at(policy.props, "spec.podSelector") or {}, namespace_of(policy))
        for rule in each(policy.props, "spec.ingress"):
            for source in _peers(rule, "from", namespace_of(policy)):
                opened.setdefault((source, own, _open(rule)), set()).add("to")
        for rule in each(policy.props, "spec.egress"):
            for target in _peers(rule, "to", namespace_of(policy)):
                opened.setdefault((own, target, _open(rule)), set()).add("from")
    rows = [(source, target, ports, _ends(ends)) for (source, target, ports), ends in sorted(opened.items())]
    closed = sorted(
        namespace_of(one) for one in part.of(NETWORK_POLICY) if at(one.props, "spec.podSelector") == {}
        and not each(one.props, "spec.ingress") and not each(one.props, "spec.egress")
    )  # fmt: skip
    drawn = [row for row in rows if not any(end.startswith(_COMMON) for end in row[:2])]
    names = sorted({end for row in drawn for end in row[:2]})
    graph = Graph(
        id=f"{part.system}-arrows",
        title="Network policies",
        nodes=tuple(Node(id=one, label=one, kind="world" if one.startswith("outside") else "pod") for one in names),
        edges=tuple(Edge(source=source, target=target, label=ports) for source, target, ports, _ in drawn),
        about=f"Names, istiod and Prometheus, which nearly everything talks to, are in the table alone. {len(closed)} namespaces"
        " are closed but for what is drawn.",
    )
    table = Table(
        id=f"{part.system}-arrow-rules",
        title="Network policies' arrows",
        columns=("from", "to", "ports", "opened at"),
        rows=tuple(rows),
        about="A connection needs both ends open, where both are in the cluster.",
    )
    return graph, table


_COMMON = ("kube-system/kube-dns", "istio-system/istiod", "prometheus/prometheus")


def _ends(ends: set[str]) -> str:
    return "both ends" if len(ends) == 2 else f"the {'target' if 'to' in ends else 'source'} alone"


def _peers(rule: Mapping[str, Any], key: str, namespace: str) -> Iterator[str]:
    peers = each(rule, key)
    if not peers:
        yield "anything"
    for peer in peers:
        block = peer.get("ipBlock")
        if block:
            yield f"outside {block.get('cidr')}"
            continue
        selected = peer.get("namespaceSelector")
        where = namespace if selected is None else _named(selected) or "any namespace"
        yield _pods(peer.get("podSelector") or {}, where)


def _pods(selector: Mapping[str, Any], namespace: str) -> str:
    return f"{namespace}/{_named(selector) or 'all'}"


def _named(selector: Mapping[str, Any]) -> str:
    labels = selector.get("matchLabels") or {}
    known = next((str(labels[key]) for key in (*_NAMING, "kubernetes.io/metadata.name") if key in labels), "")
    return known or ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _open(rule: Mapping[str, Any]) -> str:
    ports = [number(one.get("port")) for one in each(rule, "ports") if one.get("port") is not None]
    return ", ".join(dict.fromkeys(ports)) or "all"
