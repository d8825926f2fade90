"""Routes by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import NETWORKING, MeshComponent, Place, Spec

SAFE_RETRIES = "connect-failure,refused-stream,reset-before-request"
"""Only what shows that the upstream has not seen the request: repeating a POST is safe then. Istio's own default is wider."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Requests for `prefix` itself and for all below it go to `host`:`port`.

    `timeout` bounds the whole answer, a WebSocket's until it is upgraded; None means no bound, for streams.
    `retries` repeats what the upstream has not seen.
    """

    prefix: str
    host: str
    port: int
    timeout: str | None
    retries: int = 2


@dataclass(frozen=True, kw_only=True)
class RoutesArgs:
    """`routes` are tried in the order given. `gateways` are `<namespace>/<name>`.

    Istio merges the routes of all objects for one host in no set order, so that two objects must not share a prefix.
    """

    place: Place
    hosts: Sequence[str]
    gateways: Sequence[str]
    routes: Sequence[Route]


def routes(args: RoutesArgs) -> Spec:
    """The spec; a route that an earlier one hides is refused."""
    if not args.hosts or not args.gateways or not args.routes:
        raise ValueError(f"{args.place.reference}: routes have hosts, gateways and at least one route")
    for position, route in enumerate(args.routes):
        if not route.prefix.startswith("/") or route.prefix.endswith("/") or "*" in route.prefix:
            raise ValueError(f"{args.place.reference}: the prefix '{route.prefix}' is not like /api/v1/scan")
        for earlier in args.routes[:position]:
            if f"{route.prefix}/".startswith(f"{earlier.prefix}/"):
                raise ValueError(
                    f"{args.place.reference}: {route.prefix} comes after {earlier.prefix}, which takes it all"
                )
    return {
        "hosts": list(args.hosts),
        "gateways": list(args.gateways),
        "http": [_http(route) for route in args.routes],
    }


def _http(route: Route) -> Spec:
    spec: Spec = {
        "name": route.prefix.strip("/").replace("/", "-"),
        # Two matches: a prefix of /api/v1/scan alone would also take /api/v1/scanner.
        "match": [{"uri": {"exact": route.prefix}}, {"uri": {"prefix": f"{route.prefix}/"}}],
        "route": [{"destination": {"host": route.host, "port": {"number": route.port}}}],
        "retries": {"attempts": route.retries},
    }
    if route.retries:
        spec["retries"]["retryOn"] = SAFE_RETRIES
    if route.timeout is not None:
        spec["timeout"] = route.timeout
    return spec


class Routes(MeshComponent):
    """Routing by path (eco2.md, Istio resources: `{domain}-vs`).

    Resources: a VirtualService.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Routes"
    api_version, kind = NETWORKING, "VirtualService"

    def __init__(self, name: str, args: RoutesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, routes(args), opts)
