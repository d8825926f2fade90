"""The gateway that the load balancer forwards to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import NETWORKING, MeshComponent, Place, Spec


@dataclass(frozen=True, kw_only=True)
class Server:
    """Plain HTTP on `port` for `hosts`, each `<host>` or `<namespace>/<host>`: only that namespace's routes may use it.

    A load balancer in front ends TLS.
    """

    port: int
    hosts: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """`workload` are the labels of the gateway's pods."""

    place: Place
    workload: Mapping[str, str]
    servers: Sequence[Server]


def gateway(args: GatewayArgs) -> Spec:
    """The spec; a host is always named, since `*` would take what any client claims."""
    if not args.workload or not args.servers:
        raise ValueError(f"{args.place.reference}: a gateway has a workload and servers")
    for server in args.servers:
        if not server.hosts or any(host.split("/")[-1] == "*" for host in server.hosts):
            raise ValueError(f"{args.place.reference}: the server on {server.port} names its hosts; * is none")
    return {
        "selector": dict(args.workload),
        "servers": [
            {
                "port": {"number": server.port, "name": f"http-{server.port}", "protocol": "HTTP"},
                "hosts": list(server.hosts),
            }
            for server in args.servers
        ],
    }


class Gateway(MeshComponent):
    """Where outside traffic enters the mesh (eco2.md, Istio resources: `eco2-gateway`).

    Resources: a Gateway.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Gateway"
    api_version, kind = NETWORKING, "Gateway"

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, gateway(args), opts)
