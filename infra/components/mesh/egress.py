"""What a namespace may call outside itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import NETWORKING, MeshComponent, Place, Spec


@dataclass(frozen=True, kw_only=True)
class ExternalHostsArgs:
    """HTTPS on 443 to `hosts`, for the object's own namespace only; TLS begins in the application."""

    place: Place
    hosts: Sequence[str]


def external_hosts(args: ExternalHostsArgs) -> Spec:
    """The spec; a wildcard has no address to resolve, and would open more than a name."""
    if not args.hosts or any("*" in host for host in args.hosts):
        raise ValueError(f"{args.place.reference}: external hosts are named one by one")
    return {
        "hosts": list(args.hosts),
        "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "exportTo": ["."],
    }


class ExternalHosts(MeshComponent):
    """Hosts outside the mesh that a namespace may call under `REGISTRY_ONLY`.

    Resources: a ServiceEntry.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:ExternalHosts"
    api_version, kind = NETWORKING, "ServiceEntry"

    def __init__(self, name: str, args: ExternalHostsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, external_hosts(args), opts)


@dataclass(frozen=True, kw_only=True)
class VisibilityArgs:
    """The namespace's proxies know its own services and those `hosts`, each `<namespace>/<host>`, and nothing else."""

    place: Place
    hosts: Sequence[str] = ()


def visibility(args: VisibilityArgs) -> Spec:
    """The spec."""
    if any(host.startswith("*/") for host in args.hosts):
        raise ValueError(f"{args.place.reference}: name the namespace: */ is the whole mesh")
    return {
        "egress": [{"hosts": ["./*", *args.hosts]}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    }


class Visibility(MeshComponent):
    """Less configuration per proxy, and no way out of the namespace by a service that nobody listed.

    Resources: a Sidecar.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Visibility"
    api_version, kind = NETWORKING, "Sidecar"

    def __init__(self, name: str, args: VisibilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, visibility(args), opts)
