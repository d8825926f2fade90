"""The way in, who may call whom, and the ways out (immersiverse-auth.md §2, §4, §9)."""

from __future__ import annotations

from pathlib import Path

from infra.components.mesh.authorization import Allow, AllowArgs, Anyone, Caller
from infra.components.mesh.destinations import Destination, DestinationArgs
from infra.components.mesh.egress import ExternalHosts, ExternalHostsArgs, Visibility, VisibilityArgs
from infra.components.mesh.filters.placing import GatewayFilter, GatewayFilterArgs
from infra.components.mesh.filters.transcoder import transcoder_off, transcoding
from infra.components.mesh.routes import Retries, Route, Routes, RoutesArgs
from infra.components.mesh.telemetry import Tracing, TracingArgs
from infra.systems.immersiverse.context import Context, service_host
from infra.systems.immersiverse.document import (
    AUTH,
    BACKUP,
    DATABASES,
    GRPC_PORT,
    GRPC_SERVICE,
    METHODS,
    PLATFORMS,
    POSTGRES,
    POSTGRES_PORT,
    PREFIX,
    PUBLIC_PATHS,
    REDIS,
    REDIS_PORT,
    VALIDATE,
    VALIDATORS,
    WEBHOOK,
    WEBHOOK_PORT,
    WEBHOOKS,
)

WORKLOAD = "app.kubernetes.io/name"
DESCRIPTOR = Path(__file__).parents[3] / "services/auth/proto/auth.binpb"
TIMEOUT = "10s"
NEXT_TO_THE_ROUTER = 10
"""After all other filters that are put before it: what counts and judges sees REST."""
LARGEST_BODY = 16 << 10
"""Bytes; the service takes no larger message either."""


def build_mesh(context: Context) -> None:
    """Register all of it."""
    _edge(context)
    _transcoder(context)
    _routes(context)
    _callers(context)
    _destinations(context)
    _egress(context)
    _traces(context)


def _edge(context: Context) -> None:
    """The paths that the gateway lets through at all, on the system's own host; ValidateToken is none of them."""
    gateway, platform = context.cluster.gateway, context.cluster.platform
    hooks = [f"{WEBHOOKS}/{name}" for name in context.settings.webhooks]
    Allow(
        f"{platform.edge_name}-edge",
        AllowArgs(
            place=context.place("immersiverse-edge", context.cluster.mesh.rules_wave, gateway.namespace),
            workload=gateway.labels,
            callers=[Anyone(paths=[*PUBLIC_PATHS, *hooks], hosts=[context.host])],
        ),
        platform.edge_objects,
    )


def _transcoder(context: Context) -> None:
    """REST becomes gRPC on this host alone (§2.1): on every other the filter is off."""
    gateway, platform = context.cluster.gateway, context.cluster.platform
    on = transcoding(
        host=context.host,
        port=gateway.port,
        descriptor=DESCRIPTOR.read_bytes(),
        services=[GRPC_SERVICE],
        largest_body=LARGEST_BODY,
    )
    GatewayFilter(
        f"{platform.edge_name}-transcoder",
        GatewayFilterArgs(
            place=context.place("immersiverse-transcoder", context.cluster.mesh.rules_wave, gateway.namespace),
            workload=gateway.labels,
            patches=[transcoder_off(), on],
            priority=NEXT_TO_THE_ROUTER,
        ),
        platform.edge_objects,
    )


def _routes(context: Context) -> None:
    """What is below /auth goes to the Auth Service, webhooks to theirs (§4.2): who may come so far is said at the gateway."""
    hooks = Route(
        prefix=WEBHOOKS, host=service_host(WEBHOOK), port=WEBHOOK_PORT, timeout=TIMEOUT, retries=Retries(attempts=0)
    )
    auth = Route(prefix=PREFIX, host=service_host(AUTH), port=GRPC_PORT, timeout=TIMEOUT, retries=Retries(attempts=2))
    Routes(
        context.names.logical("routes"),
        RoutesArgs(
            place=context.place("immersiverse-vs", context.cluster.mesh.routes_wave),
            hosts=[context.host],
            gateways=[context.cluster.gateway.reference],
            routes=[*([hooks] if context.settings.webhooks else []), auth],
        ),
        context.objects,
    )


def callers(context: Context) -> dict[str, list[Caller]]:
    """Who may call each workload (§2.2, §9.2): by method where it is the Auth Service."""
    public = [method.grpc_path for method in METHODS if method.public]
    validate = [method.grpc_path for method in METHODS if method.name == VALIDATE]
    gateway, auth = context.cluster.gateway.principal, context.principal(AUTH)
    found = {
        AUTH: [
            Caller(principals=[gateway], ports=[GRPC_PORT], paths=public),
            Caller(principals=[context.principal(one) for one in VALIDATORS], ports=[GRPC_PORT], paths=validate),
        ],
        POSTGRES: [
            Caller(principals=[auth, *(context.principal(job) for job in (DATABASES, BACKUP))], ports=[POSTGRES_PORT])
        ],
        REDIS: [Caller(principals=[auth], ports=[REDIS_PORT])],
    }
    if context.settings.webhooks:
        found[WEBHOOK] = [Caller(principals=[gateway], ports=[WEBHOOK_PORT], paths=[f"{WEBHOOKS}/*"])]
        found[AUTH].append(Caller(principals=[context.principal(WEBHOOK)], ports=[GRPC_PORT], paths=validate))
    return found


def _callers(context: Context) -> None:
    for target, allowed in callers(context).items():
        Allow(
            context.names.logical(f"allow-{target}"),
            AllowArgs(
                place=context.place(target, context.cluster.mesh.rules_wave),
                workload={WORKLOAD: target},
                callers=allowed,
            ),
            context.objects,
        )


def _destinations(context: Context) -> None:
    replicas = {AUTH: context.settings.replicas, POSTGRES: 1, REDIS: 1}
    for target, count in replicas.items():
        Destination(
            context.names.logical(f"destination-{target}"),
            DestinationArgs(
                place=context.place(target, context.cluster.mesh.rules_wave),
                host=service_host(target),
                replicas=count,
            ),
            context.objects,
        )


def _egress(context: Context) -> None:
    """The four platforms' hosts (§4.1), the dumps' own bucket, and no others. TLS begins in the service: no proxy sees a code, a
    token or a secret."""
    wave = context.cluster.mesh.rules_wave
    hosts = tuple(dict.fromkeys(host for platform in PLATFORMS for host in platform.hosts))
    ExternalHosts(
        context.names.logical("external"),
        ExternalHostsArgs(place=context.place("streaming-platforms", wave), hosts=hosts),
        context.objects,
    )
    region = f"{context.region}.amazonaws.com"
    ExternalHosts(
        context.names.logical("external-backups"),
        ExternalHostsArgs(
            # Not S3's own host, by which any bucket could be written to.
            place=context.place("backups", wave),
            hosts=(f"{context.bucket('backups')}.s3.{region}", f"sts.{region}"),
        ),
        context.objects,
    )
    Visibility(
        context.names.logical("visible"),
        VisibilityArgs(place=context.place("default", wave), hosts=[context.spans.visible]),
        context.objects,
    )


def _traces(context: Context) -> None:
    """The namespace's proxies add their spans (§8); who comes with `traceparent` has been decided about."""
    Tracing(
        context.names.logical("traces"),
        TracingArgs(
            place=context.place("traces", context.cluster.mesh.rules_wave),
            provider=context.spans.provider,
            percent=context.settings.tracing.percent,
        ),
        context.objects,
    )
