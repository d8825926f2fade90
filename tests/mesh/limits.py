"""The Lyft rate-limit service in a mesh: its Service, its rules, and the filter by which a gateway asks it.

No documented system on the rig limits rates yet: the benchmark and the rig's own tests add this to one that does not. A system
that renders its own Service and filter needs only `Limits` of these.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.mesh.manifests import Manifest
from tests.mesh.rig import Gateway, Limits, Workload

LIMITER = Workload(name="ratelimit", namespace="ratelimit", port=8081, optional=True)
DOMAIN, KEY = "edge", "user"
_HOST = f"{LIMITER.name}.{LIMITER.namespace}.svc.cluster.local"
_TYPES = "type.googleapis.com/envoy.extensions.filters"
_MANAGER = "envoy.filters.network.http_connection_manager"


def limits(number: int) -> Limits:
    """So many requests per user, in a window that no test outlives."""
    rule = {"key": KEY, "rate_limit": {"unit": "year", "requests_per_unit": number}}
    return Limits(workload=LIMITER, rules=[{"domain": DOMAIN, "descriptors": [rule]}])


def limited(gateway: Gateway, *, header: str = "x-user-id", fail_closed: bool = True) -> list[Manifest]:
    """Counts requests by a header, after every other filter: ext-authz has set it by then."""
    labels = {"app": LIMITER.name}
    port = {"name": "grpc", "port": LIMITER.port, "protocol": "TCP"}
    counted = {"rate_limits": [{"actions": [{"request_headers": {"header_name": header, "descriptor_key": KEY}}]}]}
    asked = {
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": "GATEWAY",
            "listener": {
                "filterChain": {"filter": {"name": _MANAGER, "subFilter": {"name": "envoy.filters.http.router"}}}
            },
        },
        "patch": {"operation": "INSERT_BEFORE", "value": _filter(fail_closed=fail_closed)},
    }
    hosts = {
        "applyTo": "VIRTUAL_HOST",
        "match": {"context": "GATEWAY"},
        "patch": {"operation": "MERGE", "value": counted},
    }
    return [
        _object("v1", "Namespace", LIMITER.namespace, None, {}),
        _object("v1", "Service", LIMITER.name, LIMITER.namespace, {"selector": labels, "ports": [port]}),
        _object(
            "networking.istio.io/v1alpha3",
            "EnvoyFilter",
            "rate-limit",
            gateway.namespace,
            {"workloadSelector": {"labels": dict(gateway.labels)}, "configPatches": [asked, hosts]},
        ),
    ]


def _filter(*, fail_closed: bool) -> Manifest:
    server = {"cluster_name": f"outbound|{LIMITER.port}||{_HOST}", "authority": _HOST}
    return {
        "name": "envoy.filters.http.ratelimit",
        "typed_config": {
            "@type": f"{_TYPES}.http.ratelimit.v3.RateLimit",
            "domain": DOMAIN,
            "timeout": "0.25s",
            "failure_mode_deny": fail_closed,
            "rate_limit_service": {"grpc_service": {"envoy_grpc": server}, "transport_api_version": "V3"},
        },
    }


def _object(version: str, kind: str, name: str, namespace: str | None, spec: Mapping[str, object]) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **({"spec": dict(spec)} if spec else {})}
