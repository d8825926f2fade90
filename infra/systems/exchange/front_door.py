"""The front door (svc-gateway.md: Zero-Trust Edge, 역할과 흐름): what passes the gateway, where to, and who may call a service."""

from __future__ import annotations

from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import NAME_LABEL
from infra.components.mesh.authorization import Allow, AllowArgs, Anyone, Caller
from infra.components.mesh.destinations import Destination, DestinationArgs
from infra.components.mesh.egress import ExternalHosts, ExternalHostsArgs, Visibility, VisibilityArgs
from infra.components.mesh.mutual_tls import MutualTls
from infra.components.mesh.objects import Place
from infra.components.mesh.routes import Route, Routes, RoutesArgs
from infra.systems.exchange.context import NAME, Context
from infra.systems.exchange.document import GATEWAY_WAVE, PORT, SERVICES
from infra.systems.exchange.services import AUDIT

REQUEST_TIMEOUT = "5s"


def build_front_door(context: Context) -> None:
    """Register the way in and the rules around it."""
    _edge(context)
    _routes(context)
    _services(context)
    _ways_out(context)


def _edge(context: Context) -> None:
    """At the gateway, in its namespace: these paths of this host are open at all."""
    gateway, platform = context.cluster.gateway, context.cluster.platform
    Allow(
        f"{platform.edge_name}-edge",
        AllowArgs(
            place=Place(
                name=f"{NAME}-edge", namespace=gateway.namespace, annotations=waved(context.cluster.mesh.rules_wave)
            ),
            workload=gateway.labels,
            callers=[Anyone(paths=[path for one in SERVICES for path in one.paths], hosts=[context.host])],
        ),
        platform.edge_objects,
    )


def _routes(context: Context) -> None:
    Routes(
        context.names.logical("routes"),
        RoutesArgs(
            place=context.place(f"{NAME}-vs", GATEWAY_WAVE),
            hosts=[context.host],
            gateways=[context.cluster.gateway.reference],
            routes=[Route(prefix=one.prefix, host=one.host, port=PORT, timeout=REQUEST_TIMEOUT) for one in SERVICES],
        ),
        context.objects,
    )


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
                place=context.place(one.name, GATEWAY_WAVE), host=one.host, replicas=context.settings.scale.minimum
            ),
            context.objects,
        )


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
