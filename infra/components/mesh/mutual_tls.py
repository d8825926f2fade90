"""Mutual TLS between workloads."""

from __future__ import annotations

from typing import ClassVar

import pulumi

from infra.components.mesh.objects import SECURITY, MeshComponent, Place, Spec

STRICT: Spec = {"mtls": {"mode": "STRICT"}}


class MutualTls(MeshComponent):
    """Plain text is refused in the namespace; in the mesh's root namespace, in the whole mesh.

    A gateway's listeners are its Gateway's affair.
    There is no way to ask for less: a port that must take plain text gets no sidecar instead.
    Resources: a PeerAuthentication.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:MutualTls"
    api_version, kind = SECURITY, "PeerAuthentication"

    def __init__(self, name: str, place: Place, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, place, STRICT, opts)
