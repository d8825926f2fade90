"""How a workload is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import NETWORKING, MeshComponent, Place, Spec


@dataclass(frozen=True, kw_only=True)
class Pool:
    """How much may be under way from one proxy to the host; what exceeds it is answered 503 at once."""

    max_connections: int = 100
    connect_timeout: str = "2s"
    max_pending: int = 100
    max_requests: int = 1000


@dataclass(frozen=True, kw_only=True)
class DestinationArgs:
    """`replicas` says how many hosts there are at least: a single one is never ejected, and never more than half of many.

    `mutual_tls` is off only for a host without a sidecar.
    """

    place: Place
    host: str
    replicas: int
    pool: Pool = Pool()
    mutual_tls: bool = True


def destination(args: DestinationArgs) -> Spec:
    """The spec."""
    policy: Spec = {
        "tls": {"mode": "ISTIO_MUTUAL" if args.mutual_tls else "DISABLE"},
        "connectionPool": {
            "tcp": {"maxConnections": args.pool.max_connections, "connectTimeout": args.pool.connect_timeout},
            "http": {"http1MaxPendingRequests": args.pool.max_pending, "http2MaxRequests": args.pool.max_requests},
        },
    }
    if args.replicas > 1:
        policy["outlierDetection"] = {
            "consecutive5xxErrors": 5,
            "interval": "10s",
            "baseEjectionTime": "30s",
            "maxEjectionPercent": 100 * (args.replicas // 2) // args.replicas,
        }
    return {"host": args.host, "trafficPolicy": policy}


class Destination(MeshComponent):
    """Bounds on what callers send to a host, and, where it has replicas, the ejection of failing ones.

    Resources: a DestinationRule.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Destination"
    api_version, kind = NETWORKING, "DestinationRule"

    def __init__(self, name: str, args: DestinationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, destination(args), opts)
