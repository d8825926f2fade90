"""A certificate authority like the mesh's own: short-lived certificates with a SPIFFE id."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """Files in PEM."""

    chain: Path
    key: Path
    roots: Path

    def server(self) -> ssl.SSLContext:
        """For a server that only takes clients of the same authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.roots))
        context.load_cert_chain(self.chain, self.key)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


class Authority:
    """Issues a certificate per workload into `folder`."""

    def __init__(self, folder: Path, name: str = "mesh") -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        root = self._draft(self._key.public_key(), self._subject).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), True
        )
        self.roots = folder / "roots.pem"
        self.roots.write_bytes(_pem(root.sign(self._key, hashes.SHA256())))

    def issue(self, namespace: str, account: str, addresses: Sequence[str] = ()) -> Certificate:
        """For the account of a workload, and for the addresses at which it does TLS of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.UniformResourceIdentifier(f"spiffe://cluster.local/ns/{namespace}/sa/{account}")
        own = [x509.IPAddress(ip_address(one)) for one in addresses]
        # Without a subject of its own: the SPIFFE id says who it is.
        draft = self._draft(key.public_key(), x509.Name([])).add_extension(
            x509.SubjectAlternativeName([name, *own]), True
        )
        made = Certificate(
            self._folder / f"{namespace}-{account}.pem", self._folder / f"{namespace}-{account}.key", self.roots
        )
        made.chain.write_bytes(_pem(draft.sign(self._key, hashes.SHA256())))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def _draft(self, public_key: ec.EllipticCurvePublicKey, subject: x509.Name) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
