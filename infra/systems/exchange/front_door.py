"""The front door (svc-gateway.md: Zero-Trust Edge, 역할과 흐름): what passes the gateway, where to, and who may call a service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import NAME_LABEL
from infra.components.cluster.rollout import subsets
from infra.components.mesh.authorization import Allow, AllowArgs, Anyone, Bearer, Caller
from infra.components.mesh.destinations import (
    ZONES,
    Budget,
    Destination,
    DestinationArgs,
    Outliers,
    Pool,
)
from infra.components.mesh.egress import ExternalHosts, ExternalHostsArgs, Visibility, VisibilityArgs
from infra.components.mesh.mutual_tls import MutualTls
from infra.components.mesh.objects import Place
from infra.components.mesh.own_answers import OwnAnswer, OwnAnswerArgs
from infra.components.mesh.routes import (
    IDEMPOTENCY_KEY,
    PRESENT,
    Retries,
    Route,
    Routes,
    RoutesArgs,
    routes,
    shifted,
)
from infra.settings.exchange import Resilience
from infra.systems.exchange.context import NAME, Context
from infra.systems.exchange.document import EDGE_HEALTH, GATEWAY_WAVE, PORT, SERVICES, Service
from infra.systems.exchange.services import AUDIT, ROUTES

READS, WRITES = ("GET", "HEAD"), ("POST", "PUT", "PATCH", "DELETE")
FAILED = "gateway-error,connect-failure,refused-stream,reset"
"""502, 503 and 504, no connection, none of HTTP/2's streams, a connection that broke (Envoy's `x-envoy-retry-on`)."""


def build_front_door(context: Context) -> dict[str, list[str]]:
    """Register the way in and the rules around it; the names of the routes to each service, by its name."""
    _edge(context)
    routed = _routes(context)
    _services(context)
    _ways_out(context)
    return routed


def _edge(context: Context) -> None:
    """At the gateway, in its namespace: what a token of the issuer opens, by its scope. All else is 403."""
    gateway, platform = context.cluster.gateway, context.cluster.platform
    Allow(
        f"{platform.edge_name}-edge",
        AllowArgs(
            place=Place(
                name=f"{NAME}-edge", namespace=gateway.namespace, annotations=waved(context.cluster.mesh.rules_wave)
            ),
            workload=gateway.labels,
            callers=[
                *(caller for one in SERVICES for caller in _opened(context, one)),
                Anyone(paths=[EDGE_HEALTH], hosts=[context.checked_host]),
            ],
        ),
        platform.edge_objects,
    )


def _opened(context: Context, service: Service) -> list[Bearer]:
    found = context.route(service)
    return [
        Bearer(
            issuer=context.settings.tokens.issuer,
            hosts=[context.host],
            paths=service.paths,
            methods=methods,
            claims={"scope": [scope]},
        )
        for methods, scope in ((READS, found.read_scope), (WRITES, found.write_scope))
    ]


def _routes(context: Context) -> dict[str, list[str]]:
    args = RoutesArgs(
        place=context.place(ROUTES, GATEWAY_WAVE),
        hosts=[context.host],
        gateways=[context.cluster.gateway.reference],
        routes=[route for one in SERVICES for route in _service_routes(context, one)],
    )
    Routes(context.names.logical("routes"), args, context.objects)
    OwnAnswer(
        context.names.logical("health-answer"),
        OwnAnswerArgs(
            place=context.place(f"{NAME}-health", GATEWAY_WAVE),
            hosts=[context.checked_host],
            gateways=[context.cluster.gateway.reference],
            path=EDGE_HEALTH,
            body="up",
        ),
        context.objects,
    )
    return {one.name: shifted(routes(args), one.host) for one in SERVICES}


def _service_routes(context: Context, service: Service) -> Iterator[Route]:
    """Reads may be repeated; an order only if its service knows it again by the client's key; all else if nobody saw it."""
    found = context.route(service)
    plain = Route(
        prefix=service.prefix,
        host=service.host,
        port=PORT,
        timeout=f"{found.timeout_seconds}s",
        name=service.name,
        gradual=True,
    )
    again = Retries(
        attempts=found.read_attempts,
        per_try_timeout=f"{found.timeout_seconds * 1000 // (found.read_attempts + 1)}ms",
        on=FAILED,
    )
    yield replace(plain, name=f"{service.name}-reads", methods=READS, retries=again)
    if found.idempotent_writes:
        yield replace(plain, name=f"{service.name}-keyed", headers={IDEMPOTENCY_KEY: PRESENT}, retries=again)
    yield plain


def _services(context: Context) -> None:
    """Mutual TLS alone, from the gateway alone, each service its own paths; so much at a time."""
    MutualTls(context.names.logical("mutual-tls"), context.rule("default"), context.objects)
    for one in SERVICES:
        Allow(
            context.names.logical(f"allow-{one.name}"),
            AllowArgs(
                place=context.rule(one.name),
                workload={NAME_LABEL: one.name},
                callers=[Caller(principals=[context.cluster.gateway.principal], ports=[PORT], paths=one.paths)],
            ),
            context.objects,
        )
        Destination(
            context.names.logical(f"destination-{one.name}"),
            DestinationArgs(
                place=context.place(one.name, GATEWAY_WAVE),
                host=one.host,
                replicas=context.settings.scale.minimum,
                subsets=subsets({NAME_LABEL: one.name}),
                **bounds(context.settings.resilience),
            ),
            context.objects,
        )


def bounds(found: Resilience) -> dict[str, Any]:
    """The settings as a destination's pool, ejection, budget of retries and choice of zone."""
    return {
        "pool": Pool(max_connections=found.connections, max_pending=found.pending, max_requests=found.requests),
        "outliers": Outliers(
            consecutive_5xx=found.ejected_after,
            consecutive_gateway_errors=found.ejected_after,
            interval=f"{found.looked_at_every_seconds}s",
            base_ejection=f"{found.ejected_for_seconds}s",
        ),
        "budget": Budget(percent=found.retries_percent),
        "nearest": ZONES if found.nearest_zone_first else (),
        "anywhere": not found.nearest_zone_first,
    }


def _ways_out(context: Context) -> None:
    """The services' proxies know the namespace's own services, where traces go, the audit records' bucket, and STS."""
    region = f"{context.cluster.aws.region}.amazonaws.com"
    ExternalHosts(
        context.names.logical("external"),
        ExternalHostsArgs(
            place=context.rule("external-hosts"), hosts=[f"{context.bucket(AUDIT)}.s3.{region}", f"sts.{region}"]
        ),
        context.objects,
    )
    Visibility(
        context.names.logical("visible"),
        VisibilityArgs(place=context.rule("default"), hosts=[context.spans.visible]),
        context.objects,
    )
