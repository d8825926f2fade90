"""Where a patch goes in the gateway's Envoy, and the object that carries patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import NETWORKING_ALPHA, MeshComponent, Place, Spec

TYPES = "type.googleapis.com/envoy.extensions"
CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"
ROUTER = "envoy.filters.http.router"


@dataclass(frozen=True, kw_only=True)
class GatewayFilterArgs:
    """`patches` are what this room's builders returned; `workload` are the labels of the gateway's pods.

    Istio applies the objects of a lower `priority` first: of two that put a filter first, the later one's is before the other's.
    """

    place: Place
    workload: Mapping[str, str]
    patches: Sequence[Spec]
    priority: int = 0


def gateway_filter(args: GatewayFilterArgs) -> Spec:
    """The spec; without labels a patch would reach every gateway of the namespace, in the root namespace of the mesh."""
    if not args.workload:
        raise ValueError(f"{args.place.reference}: an EnvoyFilter names its workload")
    if not args.patches:
        raise ValueError(f"{args.place.reference}: an EnvoyFilter without a patch does nothing")
    spec: Spec = {"workloadSelector": {"labels": dict(args.workload)}, "configPatches": list(args.patches)}
    return {"priority": args.priority, **spec} if args.priority else spec


class GatewayFilter(MeshComponent):
    """Patches of the gateway's Envoy (eco2.md, Istio resources: `cookie-to-header`).

    Resources: an EnvoyFilter.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:GatewayFilter"
    api_version, kind = NETWORKING_ALPHA, "EnvoyFilter"

    def __init__(self, name: str, args: GatewayFilterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, gateway_filter(args), opts)


def listener_match(sub_filter: str | None = None) -> Spec:
    """The gateway's HTTP connection manager, or one HTTP filter within it."""
    inner: Spec = {"subFilter": {"name": sub_filter}} if sub_filter else {}
    return {"context": "GATEWAY", "listener": {"filterChain": {"filter": {"name": CONNECTION_MANAGER, **inner}}}}


def first(name: str, config: Spec) -> Spec:
    """An HTTP filter before all that are there so far: it sees requests first, and answers last, those of other filters too."""
    return {
        "applyTo": "HTTP_FILTER",
        "match": listener_match(),
        "patch": {"operation": "INSERT_FIRST", "value": {"name": name, "typed_config": config}},
    }


def before_router(name: str, config: Spec) -> Spec:
    """An HTTP filter after all that judge a request; what it does not answer is routed."""
    return {
        "applyTo": "HTTP_FILTER",
        "match": listener_match(ROUTER),
        "patch": {"operation": "INSERT_BEFORE", "value": {"name": name, "typed_config": config}},
    }


def connection_manager(settings: Spec) -> Spec:
    """Settings of the connection manager itself."""
    config = {"@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager", **settings}
    return {
        "applyTo": "NETWORK_FILTER",
        "match": listener_match(),
        "patch": {"operation": "MERGE", "value": {"name": CONNECTION_MANAGER, "typed_config": config}},
    }


def last_route(host: str, port: int) -> Spec:
    """404 for what no route of a host takes: Envoy answers so by itself, but then knows nothing of what is said `for_host`."""
    # After no route in particular is after all.
    nothing = {"name": "nothing-here", "match": {"prefix": "/"}, "direct_response": {"status": 404}}
    return {**_on_host("HTTP_ROUTE", host, port), "patch": {"operation": "INSERT_AFTER", "value": nothing}}


def for_host(host: str, port: int, value: Spec) -> Spec:
    """Something on the virtual host that Istio makes of a Gateway's host on that port, such as a filter's own settings there.

    `value` is part of Envoy's VirtualHost, mostly `{"typed_per_filter_config": {<the filter's name>: {...}}}`. It holds for
    requests that a route takes: see `last_route`.
    """
    return {**_on_host("VIRTUAL_HOST", host, port), "patch": {"operation": "MERGE", "value": value}}


def _on_host(kind: str, host: str, port: int) -> Spec:
    match = {"context": "GATEWAY", "routeConfiguration": {"vhost": {"name": f"{host}:{port}"}}}
    return {"applyTo": kind, "match": match}
