"""The mesh's routes: which host and path leads to which service, and what guards it on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policy.checks import at, each
from policy.kubernetes_objects import name_of, number
from policy.mesh_objects import (
    AUTHORIZATION_POLICY,
    VIRTUAL_SERVICE,
    action_of,
    gateways_of,
    http_routes,
    is_at_gateway,
    operations,
    written,
)
from policy.rules.model import Resource
from rehearsal.html.model import Edge, Graph, Node, Part, Table


def routes(part: Part) -> tuple[Graph, Table]:
    """Each rule of the system's routes, from its hosts to its services."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    rows = []
    for route in part.of(VIRTUAL_SERVICE):
        hosts = ", ".join(map(str, each(route.props, "spec.hosts")))
        nodes.setdefault(hosts, Node(id=hosts, label=hosts, below="host", kind="world"))
        for rule in http_routes(route):
            matches = [_match(one) for one in each(rule, "match")] or ["everything"]
            guards = sorted({guard for one in each(rule, "match") or [{}] for guard in _guards(part, route, one)})
            where = f"{route.name} {'; '.join(matches)}"
            path, conditions = _last(rule)
            nodes[where] = Node(id=where, label=path, below=", ".join([*conditions, *guards]), kind="route")
            edges.append(Edge(source=hosts, target=where))
            for target, weight in _targets(rule):
                nodes.setdefault(target, Node(id=target, label=target, kind="pod"))
                edges.append(Edge(source=where, target=target, label=weight))
            rows.append((hosts, "; ".join(matches), _leads(rule), ", ".join(guards), _limits(rule)))
    graph = Graph(
        id=f"{part.system}-routes",
        title="Routes",
        nodes=tuple(nodes.values()),
        edges=tuple(edges),
        about="From a host over a path, with what guards it at the gateway, to a service.",
    )
    table = Table(
        id=f"{part.system}-route-rules",
        title="Routes and what guards them",
        columns=("host", "path", "leads to", "guarded by", "time and tries"),
        rows=tuple(rows),
        about="Guards: policies at the gateway whose hosts and paths touch the route's; exceptions of a policy are counted."
        " Tokens that are looked at and not required guard nothing.",
    )
    return graph, table


def _match(match: Mapping[str, Any]) -> str:
    said = [written(match["uri"])] if "uri" in match else []
    return ", ".join([*said, *_conditions(match)]) or "everything"


def _last(rule: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The path of a rule's last match, and what else it asks for."""
    match = (each(rule, "match") or [{}])[-1]
    return written(match["uri"]) if "uri" in match else "every path", _conditions(match)


def _conditions(match: Mapping[str, Any]) -> list[str]:
    said = [f"method {written(match['method'])}"] if "method" in match else []
    return said + [f"{name} {written(value)}" for name, value in sorted((match.get("headers") or {}).items())]


def _targets(rule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    ways = each(rule, "route")
    for way in ways:
        host = str(at(way, "destination.host")).removesuffix(".svc.cluster.local")
        port = at(way, "destination.port.number")
        subset = at(way, "destination.subset")
        weight = f"{number(way['weight'])} %" if len(ways) > 1 and way.get("weight") is not None else ""
        yield f"{host}{f':{number(port)}' if port else ''}{f' {subset}' if subset else ''}", weight
    if rule.get("redirect"):
        yield "redirect", ""
    if rule.get("directResponse"):
        yield f"answer {number(at(rule, 'directResponse.status'))}", ""


def _leads(rule: Mapping[str, Any]) -> str:
    return ", ".join(f"{target} {weight}".strip() for target, weight in _targets(rule))


def _limits(rule: Mapping[str, Any]) -> str:
    said = [f"{rule['timeout']}"] if rule.get("timeout") else []
    tries = at(rule, "retries.attempts")
    said += [f"{number(tries)} more tries"] if tries else []
    return ", ".join(said)


def _guards(part: Part, route: Resource, match: Mapping[str, Any]) -> Iterator[str]:
    """The policies at the route's gateways that touch the path."""
    path = next((str(value) for value in (match.get("uri") or {}).values()), "/")
    hosts = [str(one) for one in each(route.props, "spec.hosts")]
    for gateway in gateways_of(route, part.everything):
        for policy in part.everything.of(AUTHORIZATION_POLICY):
            if is_at_gateway(policy, gateway):
                yield from _guard(policy, path, hosts)


def _guard(policy: Resource, path: str, hosts: list[str]) -> Iterator[str]:
    if action_of(policy) == "ALLOW":
        return
    for operation in operations(policy):
        wanted_hosts, wanted = operation.get("hosts"), operation.get("paths")
        if wanted_hosts and not any(_touches(one, host) for one in wanted_hosts for host in hosts):
            continue
        if any(_touches(str(one), host) for one in operation.get("notHosts") or () for host in hosts):
            continue
        if wanted and not any(_touches(str(one), path) for one in wanted):
            continue
        excepted = sum(str(one).startswith(path.rstrip("/")) for one in operation.get("notPaths") or ())
        provider = at(policy.props, "spec.provider.name")
        name = str(provider or name_of(policy))
        yield (
            f"{name}{f' ({excepted} paths excepted)' if excepted else ''}"
            if provider
            else f"{action_of(policy)} {name}"
        )


def _touches(pattern: str, text: str) -> bool:
    """Whether a pattern of Istio's (`*` in front or at the end) takes a text, or something that begins with it."""
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1]) or pattern[:-1].startswith(text)
    if pattern.startswith("*"):
        return text.endswith(pattern[1:])
    return pattern in (text, f"{text}:*") or pattern.startswith(f"{text}:")
