"""Certificates for servers that do their own TLS, of an authority that is for one namespace alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.cluster.metadata import metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

API = "cert-manager.io/v1"
CA, CERTIFICATE, KEY = "ca.crt", "tls.crt", "tls.key"
"""The keys of a certificate's Secret."""


@dataclass(frozen=True, kw_only=True)
class PrivateCertificatesArgs:
    """`servers` are workloads of the namespace that get a certificate for their Service's names, in the Secret `<server>-tls`."""

    authority: str
    namespace: str
    servers: Sequence[str]
    wave: int


def server_secret(server: str) -> str:
    """The Secret with a server's certificate and key, and the authority's certificate."""
    return f"{server}-tls"


class PrivateCertificates(PlatformComponent):
    """cert-manager keeps the authority's key in the namespace and renews what it signed: ten years, and ninety days.

    Resources: an Issuer that signs itself, the authority's Certificate and Issuer; a Certificate for each server.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:PrivateCertificates"

    def __init__(self, name: str, args: PrivateCertificatesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._add(name, args, "Issuer", f"{args.authority}-self", {"selfSigned": {}})
        self._add(name, args, "Certificate", args.authority, authority(args))
        self._add(name, args, "Issuer", args.authority, {"ca": {"secretName": args.authority}})
        for server in args.servers:
            self._add(name, args, "Certificate", server, certificate(args, server))
        self.register_outputs({})

    def _add(self, name: str, args: PrivateCertificatesArgs, kind: str, of: str, spec: dict[str, object]) -> None:
        KubernetesObject(
            f"{name}-{of}-{kind.lower()}",
            f"{API}/{kind}",
            metadata=metadata(of, args.namespace, wave=args.wave),
            body={"spec": spec},
            opts=self.child,
        )


def authority(args: PrivateCertificatesArgs) -> dict[str, object]:
    """The authority's Certificate; its key is not changed for another when it is renewed: who trusts it goes on."""
    return {
        "isCA": True,
        "commonName": args.authority,
        "secretName": args.authority,
        "duration": "87600h",
        "renewBefore": "8760h",
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
        "issuerRef": {"name": f"{args.authority}-self", "kind": "Issuer", "group": "cert-manager.io"},
    }


def certificate(args: PrivateCertificatesArgs, server: str) -> dict[str, object]:
    """A server's Certificate, for the names by which it is called in the cluster."""
    service = f"{server}.{args.namespace}.svc"
    return {
        "secretName": server_secret(server),
        "commonName": service,
        "dnsNames": [service, f"{service}.cluster.local"],
        "duration": "2160h",
        "renewBefore": "720h",
        "usages": ["digital signature", "server auth"],
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "issuerRef": {"name": args.authority, "kind": "Issuer", "group": "cert-manager.io"},
    }
