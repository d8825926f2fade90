"""Istio's mesh-wide configuration, a value of istiod's chart. istiod drops unknown fields silently: nothing here is free text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.components.mesh.objects import Spec
from infra.components.mesh.routes import SAFE_RETRIES

ACCESS_LOG = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    # Without the query: an OAuth callback's holds the authorization code.
    "path": "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "host": "%REQ(:AUTHORITY)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "upstream": "%UPSTREAM_CLUSTER%",
    "request_id": "%REQ(X-REQUEST-ID)%",
}

TRACE_LOG = {"trace_id": "%TRACE_ID%"}
"""What a line has besides where proxies report spans: whoever searches finds the trace, and from it the lines."""


@dataclass(frozen=True, kw_only=True)
class GrpcAuthorizer:
    """An external authorization service that speaks Envoy's ext_authz over gRPC (eco2.md, ext-authz settings).

    It fails closed, always: without an answer in `timeout` the client gets 403. Istio's gRPC provider has no list of headers to
    send: it sends all, unless `filters.checked_headers` narrows them. What the service adds to an allowed request reaches
    the upstream as it is.
    """

    name: str
    service: str
    port: int
    timeout: str


@dataclass(frozen=True, kw_only=True)
class SpanCollector:
    """Where proxies send spans, in OTLP over gRPC, once a Telemetry names it. They propagate W3C's `traceparent`."""

    name: str
    service: str
    port: int


@dataclass(frozen=True, kw_only=True)
class MeshConfigArgs:
    """`trusted_proxies` is the number of proxies in front of the gateway whose X-Forwarded-For entry is believed: 1 for an ALB.

    With a `collector` of spans, the access log names the trace of each request.
    """

    authorizers: Sequence[GrpcAuthorizer]
    trusted_proxies: int
    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"
    collector: SpanCollector | None = None


def mesh_config(args: MeshConfigArgs) -> Spec:
    """The `meshConfig` value."""
    collectors = [args.collector] if args.collector else []
    names = [*(one.name for one in args.authorizers), *(one.name for one in collectors)]
    if len(set(names)) != len(names):
        raise ValueError(f"two providers share a name: {', '.join(names)}")
    return {
        "rootNamespace": args.root_namespace,
        "trustDomain": args.trust_domain,
        "enableAutoMtls": True,
        # Encoded slashes are decoded first, so that policies, routes and backends see one and the same path.
        "pathNormalization": {"normalization": "DECODE_AND_MERGE_SLASHES"},
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        "defaultHttpRetryPolicy": {"attempts": 2, "retryOn": SAFE_RETRIES},
        "accessLogEncoding": "JSON",
        "accessLogFile": "/dev/stdout",
        "accessLogFormat": _json({**ACCESS_LOG, **TRACE_LOG} if args.collector else ACCESS_LOG),
        "defaultConfig": {
            "gatewayTopology": {"numTrustedProxies": args.trusted_proxies},
            "holdApplicationUntilProxyStarts": True,
        },
        "extensionProviders": [
            *(_provider(authorizer) for authorizer in args.authorizers),
            *({"name": one.name, "opentelemetry": {"service": one.service, "port": one.port}} for one in collectors),
        ],
    }


def _provider(authorizer: GrpcAuthorizer) -> Spec:
    return {
        "name": authorizer.name,
        "envoyExtAuthzGrpc": {
            "service": authorizer.service,
            "port": authorizer.port,
            "timeout": authorizer.timeout,
            "failOpen": False,
            "statusOnError": "403",
        },
    }


def _json(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{key}": "{value}"' for key, value in fields.items()) + "}\n"
