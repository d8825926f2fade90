"""How a workload is called: how much at a time, which of its pods, and for how long after it failed not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import NETWORKING, MeshComponent, Place, Spec

ZONES = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")


@dataclass(frozen=True, kw_only=True)
class Pool:
    """How much may be under way from one proxy to the host; what exceeds it is answered 503 at once (the circuit breaker).

    `max_retries` bounds the retries under way, unless the destination has a `Budget`; `idle_timeout` closes connections that
    nobody uses, `requests_per_connection` those that were used so often. None leaves each to Istio (2^32-1, an hour, no bound).
    """

    max_connections: int = 100
    connect_timeout: str = "2s"
    max_pending: int = 100
    max_requests: int = 1000
    max_retries: int | None = None
    idle_timeout: str | None = None
    requests_per_connection: int | None = None


@dataclass(frozen=True, kw_only=True)
class Outliers:
    """When a pod is set aside: after so many 5xx, or gateway errors (502, 503, 504) in a row, looked at every `interval`.

    It stays away for `base_ejection`, times how often it went. `max_percent` of the host's pods at most, never more than half;
    None means as many as that leaves whole. Once fewer than `min_healthy_percent` are left, all are called again.
    """

    consecutive_5xx: int = 5
    consecutive_gateway_errors: int | None = None
    interval: str = "10s"
    base_ejection: str = "30s"
    max_percent: int | None = None
    min_healthy_percent: int | None = None


@dataclass(frozen=True, kw_only=True)
class Sticky:
    """Requests with the same value go to the same pod while it is there: a header's, a cookie's (made for `ttl` if missing), or
    the client's address."""

    header: str | None = None
    cookie: str | None = None
    ttl: str = "1h"
    address: bool = False


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Retries under way are at most `percent` of all requests under way; `minimum` may always be."""

    percent: float = 20
    minimum: int = 3


@dataclass(frozen=True, kw_only=True)
class DestinationArgs:
    """`replicas` says how many pods there are at least: a single one is never ejected, and never more than half of many.

    `subsets` are sets of the host's pods, by their labels, that routes may name. `nearest` are labels of nodes: pods whose nodes
    share more of them with the caller's are called first, the others when those are ejected (locality failover); without it Istio
    does so by region and zone, which `ZONES` says in so many words, unless all pods are called alike, `anywhere`.
    `mutual_tls` is off only for a host without a sidecar.
    """

    place: Place
    host: str
    replicas: int
    pool: Pool = Pool()
    outliers: Outliers = Outliers()
    subsets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sticky: Sticky | None = None
    nearest: Sequence[str] = ()
    anywhere: bool = False
    budget: Budget | None = None
    mutual_tls: bool = True


def destination(args: DestinationArgs) -> Spec:
    """The spec; what would take all pods away, or is stuck to nothing, is refused."""
    for wrong in _faults(args):
        raise ValueError(f"{args.place.reference}: {wrong}")
    policy: Spec = {
        "tls": {"mode": "ISTIO_MUTUAL" if args.mutual_tls else "DISABLE"},
        "connectionPool": _pool(args.pool),
    }
    if args.replicas > 1:
        policy["outlierDetection"] = _outliers(args)
    if balancer := _balancer(args):
        policy["loadBalancer"] = balancer
    if args.budget is not None:
        policy["retryBudget"] = {"percent": args.budget.percent, "minRetryConcurrency": args.budget.minimum}
    spec: Spec = {"host": args.host, "trafficPolicy": policy}
    if args.subsets:
        spec["subsets"] = [{"name": name, "labels": dict(labels)} for name, labels in args.subsets.items()]
    return spec


def _faults(args: DestinationArgs) -> Iterator[str]:
    if args.outliers.max_percent is not None and not 0 < args.outliers.max_percent <= 50:
        yield "outliers: between 1 and 50 percent are ejected, so that errors of all take nobody away"
    if args.sticky and [args.sticky.header, args.sticky.cookie, args.sticky.address or None].count(None) != 2:
        yield "sticky: by one of a header, a cookie, the client's address"
    if args.nearest and args.anywhere:
        yield "nearest, or anywhere: not both"
    if args.nearest and args.replicas < 2:
        yield "nearest: pods nearby are left only where failing ones are ejected, and a single one never is"
    for name, labels in args.subsets.items():
        if not labels:
            yield f"the subset {name} has no labels: it would be the whole host"


def _pool(pool: Pool) -> Spec:
    more = {
        "maxRetries": pool.max_retries,
        "idleTimeout": pool.idle_timeout,
        "maxRequestsPerConnection": pool.requests_per_connection,
    }
    return {
        "tcp": {"maxConnections": pool.max_connections, "connectTimeout": pool.connect_timeout},
        "http": {
            "http1MaxPendingRequests": pool.max_pending,
            "http2MaxRequests": pool.max_requests,
            **{key: value for key, value in more.items() if value is not None},
        },
    }


def _outliers(args: DestinationArgs) -> Spec:
    outliers = args.outliers
    half = 100 * (args.replicas // 2) // args.replicas
    spec: Spec = {
        "consecutive5xxErrors": outliers.consecutive_5xx,
        "interval": outliers.interval,
        "baseEjectionTime": outliers.base_ejection,
        "maxEjectionPercent": outliers.max_percent or half,
    }
    if outliers.consecutive_gateway_errors is not None:
        spec["consecutiveGatewayErrors"] = outliers.consecutive_gateway_errors
    if outliers.min_healthy_percent is not None:
        spec["minHealthPercent"] = outliers.min_healthy_percent
    return spec


def _balancer(args: DestinationArgs) -> Spec:
    found: Spec = {}
    if args.sticky is not None:
        found["consistentHash"] = _hashed(args.sticky)
    if args.nearest:
        found["localityLbSetting"] = {"enabled": True, "failoverPriority": list(args.nearest)}
    if args.anywhere:
        found["localityLbSetting"] = {"enabled": False}
    return found


def _hashed(sticky: Sticky) -> Spec:
    if sticky.header is not None:
        return {"httpHeaderName": sticky.header}
    if sticky.cookie is not None:
        return {"httpCookie": {"name": sticky.cookie, "path": "/", "ttl": sticky.ttl}}
    return {"useSourceIp": True}


class Destination(MeshComponent):
    """Bounds on what callers send to a host, and, where it has replicas, the ejection of failing ones.

    Resources: a DestinationRule.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Destination"
    api_version, kind = NETWORKING, "DestinationRule"

    def __init__(self, name: str, args: DestinationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, destination(args), opts)
