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
class MeshConfigArgs:
    """`trusted_proxies` is the number of proxies in front of the gateway whose X-Forwarded-For entry is believed: 1 for an ALB."""

    authorizers: Sequence[GrpcAuthorizer]
    trusted_proxies: int
    root_namespace: str = "istio-system"
    trust_domain: str = "cluster.local"


def mesh_config(args: MeshConfigArgs) -> Spec:
    """The `meshConfig` value."""
    names = [authorizer.name for authorizer in args.authorizers]
    if len(set(names)) != len(names):
        raise ValueError(f"two authorizers share a name: {', '.join(names)}")
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
        "accessLogFormat": _json(ACCESS_LOG),
        "defaultConfig": {
            "gatewayTopology": {"numTrustedProxies": args.trusted_proxies},
            "holdApplicationUntilProxyStarts": True,
        },
        "extensionProviders": [_provider(authorizer) for authorizer in args.authorizers],
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
