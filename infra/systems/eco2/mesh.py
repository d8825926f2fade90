"""eco2's mesh (eco2.md: Ingress, AuthN/AuthZ flow, Istio resources, ext-authz settings, bypass paths)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pulumi

from infra.components.aws.load_balancer import CERTIFICATE_HEADERS
from infra.components.cluster.gitops import waved
from infra.components.mesh.authorization import (
    Allow,
    AllowArgs,
    Anyone,
    Caller,
    DefaultDeny,
    ExternalAuthorization,
    ExternalAuthorizationArgs,
    principal,
)
from infra.components.mesh.destinations import Destination, DestinationArgs
from infra.components.mesh.egress import ExternalHosts, ExternalHostsArgs, Visibility, VisibilityArgs
from infra.components.mesh.filters.checked_headers import checked_headers
from infra.components.mesh.filters.lua import lua_filter
from infra.components.mesh.filters.placing import GatewayFilter, GatewayFilterArgs
from infra.components.mesh.filters.request_headers import rejected_underscores, stripped_headers
from infra.components.mesh.gateway import Gateway, GatewayArgs, Server
from infra.components.mesh.mesh_config import GrpcAuthorizer, MeshConfigArgs, mesh_config
from infra.components.mesh.mutual_tls import MutualTls
from infra.components.mesh.objects import Place, Spec
from infra.components.mesh.routes import Route, Routes, RoutesArgs
from infra.components.mesh.telemetry import Telemetry, TelemetryArgs
from infra.contract import Tenant
from infra.systems.eco2 import tracing
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import (
    API_PORT,
    ARROWS,
    BYPASSED,
    CHECKED_HEADERS,
    EXT_AUTHZ_HOST,
    EXT_AUTHZ_PORT,
    EXT_AUTHZ_TIMEOUT,
    HOMES,
    IDENTITY_HEADERS,
    PROTECTED,
    PROXY_METRICS_PORT,
    SERVICES,
    Arrow,
)

ROOT = "istio-system"
TRUST_DOMAIN = "cluster.local"
GATEWAY = "ingress-gateway"
"""The gateway's release, and so its Deployment, Service and account; its pods' label `istio` too."""

WORKLOAD = "app.kubernetes.io/name"
"""The label that names a pod's workload, as in the document's arrows."""

GATEWAY_LABELS = {"istio": GATEWAY}
GATEWAY_CONTAINER_PORT = 8080
GATEWAY_NODE_PORT = 30080
STATUS_NODE_PORT = 30021
TRUSTED_PROXIES = 1
"""The ALB alone stands before the gateway: its entry of X-Forwarded-For is the client."""

AUTHORIZER = "ext-authz"
REPLICAS = {"ext-authz": 2}
"""Workloads with more than one pod; of those, a failing one is set aside."""
CHECK_PATH = "/envoy.service.auth.v3.Authorization/Check"
OUTSIDE_THE_MESH = ("prometheus", "grafana")
"""Observability has no sidecars: the document draws them around the microservices alone."""

STREAMING = ("chat",)
"""Services whose answers may be WebSockets, which no timeout ends."""

REQUEST_TIMEOUTS = {"scan": "60s", "image": "60s"}
"""A scan and an upload take longer than the rest."""

REQUEST_TIMEOUT = "15s"

RULES_WAVE, ROUTES_WAVE = -20, 5
"""What protects is there before the gateway runs; the way in opens after the workloads stand."""

OAUTH_HOSTS = (
    "kauth.kakao.com",
    "kapi.kakao.com",
    "accounts.google.com",
    "oauth2.googleapis.com",
    "openidconnect.googleapis.com",
    "www.googleapis.com",
    "nid.naver.com",
    "openapi.naver.com",
)
"""Where auth-api exchanges codes and reads profiles: the three providers of the bypass paths, by their own documentation."""

COOKIE_TO_HEADER = Path(__file__).parents[3] / "deploy/eco2/lua/cookie_to_header.lua"


def mesh_configuration(tenants: Sequence[Tenant] = ()) -> Spec:
    """The mesh-wide configuration, a value of istiod's chart; tenants' authorizers are in it beside the document's."""
    return mesh_config(
        MeshConfigArgs(
            authorizers=[
                GrpcAuthorizer(name=AUTHORIZER, service=EXT_AUTHZ_HOST, port=EXT_AUTHZ_PORT, timeout=EXT_AUTHZ_TIMEOUT),
                *(authorizer for tenant in tenants for authorizer in tenant.authorizers),
            ],
            trusted_proxies=TRUSTED_PROXIES,
            root_namespace=ROOT,
            trust_domain=TRUST_DOMAIN,
            collector=tracing.collector(tenants),
        )
    )


def account(workload: str) -> str:
    """The SPIFFE id of a workload: its account has its name."""
    return principal(HOMES[workload], workload, trust_domain=TRUST_DOMAIN)


def host(workload: str) -> str:
    """The name of a workload's Service."""
    return f"{workload}.{HOMES[workload]}.svc.cluster.local"


def mesh_arrows() -> Sequence[Arrow]:
    """The arrows that the mesh itself allows: between sidecars. Scrapes and what Grafana asks pass outside, by NetworkPolicy."""
    return [
        arrow
        for arrow in ARROWS
        if arrow.port != PROXY_METRICS_PORT and not {arrow.source, arrow.target} & {*OUTSIDE_THE_MESH}
    ]


def build_mesh(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register the way in, who may call whom, and the ways out."""
    _edge(context, opts)
    _routes(context, opts)
    _filters(context, opts)
    _defaults(context, opts)
    _arrows(context, opts)
    _egress(context, opts)


def _name(context: Context, part: str) -> str:
    return f"{context.names.logical('mesh')}-{part}"


def _place(name: str, namespace: str = ROOT, wave: int = RULES_WAVE) -> Place:
    return Place(name=name, namespace=namespace, annotations=waved(wave))


def _prefix(service: str) -> str:
    return f"/api/v1/{service}"


def _edge(context: Context, opts: pulumi.ResourceOptions) -> None:
    """The Gateway, whom it asks, and the only paths that it lets through at all."""
    Gateway(
        _name(context, "gateway"),
        GatewayArgs(
            place=_place("eco2-gateway", wave=ROUTES_WAVE),
            workload=GATEWAY_LABELS,
            # The port that Envoy listens on, not the Service's.
            # Each with the namespace that may route it: else a VirtualService of any namespace could answer for the API.
            servers=[
                Server(port=GATEWAY_CONTAINER_PORT, hosts=[f"{service}/{context.api_host}" for service in SERVICES])
            ],
        ),
        opts,
    )
    ExternalAuthorization(
        _name(context, "ext-authz"),
        ExternalAuthorizationArgs(
            place=_place("ext-authz-policy"),
            workload=GATEWAY_LABELS,
            provider=AUTHORIZER,
            paths=PROTECTED,
            not_paths=BYPASSED,
            not_methods=(),
            not_hosts=context.own_token_hosts,
        ),
        opts,
    )
    Allow(
        _name(context, "allow-edge"),
        AllowArgs(
            place=_place("edge"),
            workload=GATEWAY_LABELS,
            callers=[Anyone(paths=PROTECTED, hosts=[context.api_host])],
        ),
        opts,
    )


def _routes(context: Context, opts: pulumi.ResourceOptions) -> None:
    """`{domain}-vs`, each in its service's namespace."""
    for service in SERVICES:
        timeout = None if service in STREAMING else REQUEST_TIMEOUTS.get(service, REQUEST_TIMEOUT)
        route = Route(prefix=_prefix(service), host=host(f"{service}-api"), port=API_PORT, timeout=timeout)
        Routes(
            _name(context, f"{service}-routes"),
            RoutesArgs(
                place=_place(f"{service}-vs", service, wave=ROUTES_WAVE),
                hosts=[context.api_host],
                gateways=[f"{ROOT}/eco2-gateway"],
                routes=[route],
            ),
            opts,
        )


def _filters(context: Context, opts: pulumi.ResourceOptions) -> None:
    """What Istio's own API cannot say: the cookie, identity headers of clients, disguised headers, the headers that are shown."""
    patches = {
        "cookie-to-header": lua_filter(COOKIE_TO_HEADER.read_text(encoding="utf-8")),
        "strip-identity-headers": stripped_headers([*IDENTITY_HEADERS, *CERTIFICATE_HEADERS]),
        "reject-underscores": rejected_underscores(),
        "ext-authz-headers": checked_headers(CHECKED_HEADERS),
    }
    for name, patch in patches.items():
        GatewayFilter(
            _name(context, name),
            GatewayFilterArgs(place=_place(name), workload=GATEWAY_LABELS, patches=[patch]),
            opts,
        )


def _defaults(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Nothing in plain text, nothing unlisted, everything logged and measured."""
    MutualTls(_name(context, "mutual-tls"), _place("default"), opts)
    DefaultDeny(_name(context, "default-deny"), _place("default-deny"), opts)
    Telemetry(_name(context, "telemetry"), TelemetryArgs(place=_place("mesh-default")), opts)


def _arrows(context: Context, opts: pulumi.ResourceOptions) -> None:
    """For every workload that is called: who may, and how much at a time."""
    for target in dict.fromkeys(arrow.target for arrow in mesh_arrows()):
        place = _place(target, HOMES[target])
        callers = [_caller(arrow) for arrow in mesh_arrows() if arrow.target == target]
        Allow(
            _name(context, f"allow-{target}"),
            AllowArgs(place=place, workload={WORKLOAD: target}, callers=callers),
            opts,
        )
        Destination(
            _name(context, f"destination-{target}"),
            DestinationArgs(place=place, host=host(target), replicas=REPLICAS.get(target, 1)),
            opts,
        )


def _caller(arrow: Arrow) -> Caller:
    return Caller(principals=[account(arrow.source)], ports=[arrow.port], paths=_paths(arrow))


def _paths(arrow: Arrow) -> Sequence[str]:
    """From the gateway an API takes its own prefix, and ext-authz its one method; the databases speak no HTTP."""
    if arrow.source != GATEWAY:
        return ()
    if arrow.port == EXT_AUTHZ_PORT:
        return (CHECK_PATH,)
    prefix = _prefix(HOMES[arrow.target])
    return (prefix, f"{prefix}/*")


def external_hosts(context: Context) -> dict[str, tuple[str, ...]]:
    """What each namespace may call outside the cluster.

    The document sends the AI worker to the "Network" and names no host, so it has none: one that is wanted is added here.
    """
    region = f"{context.region}.amazonaws.com"
    return {
        "auth": OAUTH_HOSTS,
        "postgres": (f"{context.bucket('postgres-backups')}.s3.{region}", f"s3.{region}", f"sts.{region}"),
        "worker": (f"s3.{region}", f"sts.{region}"),
    }


def _egress(context: Context, opts: pulumi.ResourceOptions) -> None:
    """A namespace's proxies know its own services, those that its arrows go to, and its external hosts."""
    for namespace, hosts in external_hosts(context).items():
        ExternalHosts(
            _name(context, f"external-{namespace}"),
            ExternalHostsArgs(place=_place("external-hosts", namespace), hosts=hosts),
            opts,
        )
    for namespace in dict.fromkeys(HOMES[one] for one in HOMES if one not in (*OUTSIDE_THE_MESH, GATEWAY)):
        called = {HOMES[one.target] for one in mesh_arrows() if HOMES[one.source] == namespace} - {namespace}
        Visibility(
            _name(context, f"visible-{namespace}"),
            VisibilityArgs(place=_place("default", namespace), hosts=[f"{one}/*" for one in sorted(called)]),
            opts,
        )
