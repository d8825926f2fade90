"""Who may reach whom in the cluster: network policies, between namespaces and within each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any, NamedTuple

from policy import aws_types as aws
from policy.checks import at, each
from policy.kubernetes_objects import namespace_of, number
from policy.rules.model import Resource
from rehearsal.html.model import Edge, Graph, Node, Part, Table

NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
API_SERVER_PORT = "6443"
_NAMING = ("app.kubernetes.io/name", "app", "k8s-app", "istio")
_COMMON = ("kube-system/kube-dns", "istio-system/istiod", "prometheus/prometheus")
_INTERNET, _MACHINES, _OUTSIDE = "the internet", "machines of the VPC", "outside "


class Arrow(NamedTuple):
    """What may open connections to what, and at which of the two ends that is said."""

    source: str
    target: str
    ports: str
    opened_at: str


def network_policies(part: Part) -> tuple[list[Graph], Table]:
    """The arrows that the policies of the system's namespaces open: pictures, and a table of all."""
    policies = part.of(NETWORK_POLICY)
    arrows = _arrows(policies)
    drawn = [one for one in arrows if not _is_everybodys(one)]
    table = Table(
        id=f"{part.system}-arrow-rules",
        title="Network policies' arrows",
        columns=("from", "to", "ports", "opened at"),
        rows=tuple(arrows),
        about="A connection needs both ends open, where both are in the cluster.",
    )
    return [_between(part, drawn, _closed(policies)), *_within(part, drawn)], table


def _arrows(policies: Sequence[Resource]) -> list[Arrow]:
    opened: dict[tuple[str, str, str], set[str]] = {}
    for policy in policies:
        own = _pods(at(policy.props, "spec.podSelector") or {}, namespace_of(policy))
        for rule in each(policy.props, "spec.ingress"):
            for source in _peers(rule, "from", namespace_of(policy)):
                opened.setdefault((source, own, _open(rule)), set()).add("to")
        for rule in each(policy.props, "spec.egress"):
            for target in _peers(rule, "to", namespace_of(policy)):
                opened.setdefault((own, target, _open(rule)), set()).add("from")
    return [Arrow(*way, _ends(ends)) for way, ends in sorted(opened.items())]


def _closed(policies: Sequence[Resource]) -> int:
    """How many namespaces let nothing through that no other policy opens."""
    return sum(
        at(one.props, "spec.podSelector") == {}
        and not each(one.props, "spec.ingress")
        and not each(one.props, "spec.egress")
        for one in policies
    )


def _is_everybodys(arrow: Arrow) -> bool:
    """Whether nearly every pod has the like: a picture with all of them shows nothing."""
    asks_the_api = arrow.target.startswith(_OUTSIDE) and arrow.ports == API_SERVER_PORT
    return asks_the_api or any(end.startswith(_COMMON) for end in arrow[:2])


def _between(part: Part, arrows: Sequence[Arrow], closed: int) -> Graph:
    own = [ip_network(str(one.props.get("cidrBlock"))) for one in part.of(aws.VPC)]

    def room(end: str) -> str:
        block = end.removeprefix(_OUTSIDE)
        if block == end:
            return end.partition("/")[0]
        if any(ip_network(block).subnet_of(vpc) for vpc in own):  # type: ignore[arg-type]
            return _MACHINES
        return _INTERNET if block == "0.0.0.0/0" else end

    ports: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for one in arrows:
        ways = room(one.source), room(one.target)
        if ways[0] != ways[1]:
            ports[ways] |= dict.fromkeys(one.ports.split(", "))
    outer = {_INTERNET, _MACHINES}
    return Graph(
        id=f"{part.system}-arrows",
        title="Network policies between namespaces",
        nodes=tuple(
            Node(id=one, label=one, kind="world" if one in outer or one.startswith(_OUTSIDE) else "pod")
            for one in sorted({end for ways in ports for end in ways})
        ),
        edges=tuple(
            Edge(source=source, target=target, label=", ".join(found)) for (source, target), found in ports.items()
        ),
        about="Names, istiod, Prometheus and the Kubernetes API, which nearly everything talks to, and each pod's own arrows are in"
        f" the table. {closed} namespaces are closed but for what is said there.",
    )


def _within(part: Part, arrows: Sequence[Arrow]) -> Iterator[Graph]:
    """A picture of each namespace whose pods talk to each other."""
    found: dict[str, list[Arrow]] = defaultdict(list)
    for one in arrows:
        namespace, _, pod = one.source.partition("/")
        if pod and one.target.startswith(f"{namespace}/") and one.source != one.target:
            found[namespace].append(one)
    for namespace, own in sorted(found.items()):
        names = sorted({end for one in own for end in one[:2]})
        yield Graph(
            id=f"{part.system}-arrows-{namespace}",
            title=f"Network policies within {namespace}",
            nodes=tuple(Node(id=one, label=one.partition("/")[2], kind="pod") for one in names),
            edges=tuple(Edge(source=one.source, target=one.target, label=one.ports) for one in own),
        )


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
