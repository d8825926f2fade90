"""The embedded tls provider: real keys and certificates, made with `cryptography`."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rehearsal.local import LocalProvider
from rehearsal.provider import Rejected
from rehearsal.values import Props

_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def generate(inputs: Props) -> PrivateKey:
    match inputs["algorithm"]:
        case "RSA":
            return rsa.generate_private_key(65537, int(inputs.get("rsaBits") or 2048))
        case "ECDSA" if (inputs.get("ecdsaCurve") or "P224") in _CURVES:
            return ec.generate_private_key(_CURVES[inputs.get("ecdsaCurve") or "P224"]())
        case "ED25519":
            return ed25519.Ed25519PrivateKey.generate()
        case other:
            raise Rejected(
                f"algorithm: {other!r} with curve {inputs.get('ecdsaCurve')!r}: RSA, ECDSA ({', '.join(_CURVES)}), ED25519"
            )


def _private_key(urn: str, inputs: Props) -> tuple[str, Props]:
    return private_key_state(generate(inputs), inputs)


def private_key_state(key: PrivateKey, inputs: Props) -> tuple[str, Props]:
    """The id and the outputs of a `PrivateKey` resource that holds this key."""
    traditional = (
        serialization.PrivateFormat.PKCS8
        if inputs["algorithm"] == "ED25519"
        else serialization.PrivateFormat.TraditionalOpenSSL
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha1(public, usedforsecurity=False).hexdigest(), {
        "privateKeyPem": _pem(key, traditional),
        "privateKeyPemPkcs8": _pem(key, serialization.PrivateFormat.PKCS8),
        "publicKeyPem": public.decode(),
    }


def _pem(key: PrivateKey, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def _self_signed_cert(urn: str, inputs: Props) -> tuple[str, Props]:
    key = serialization.load_pem_private_key(inputs["privateKeyPem"].encode(), None)
    if not isinstance(key, PrivateKey):
        raise Rejected("privateKeyPem: an RSA, ECDSA or ED25519 key is expected")
    subject = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, (inputs.get("subject") or {}).get("commonName", ""))]
    )
    start = datetime.datetime.now(datetime.UTC)
    end = start + datetime.timedelta(hours=float(inputs["validityPeriodHours"]))
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), start, end)
    builder = builder.add_extension(x509.BasicConstraints(bool(inputs.get("isCaCertificate")), None), critical=True)
    names = [x509.DNSName(name) for name in inputs.get("dnsNames") or []]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    return str(certificate.serial_number), {
        "certPem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "validityStartTime": start.isoformat(),
        "validityEndTime": end.isoformat(),
    }


class TlsProvider(LocalProvider):
    types = {
        "tls:index/privateKey:PrivateKey": _private_key,
        "tls:index/selfSignedCert:SelfSignedCert": _self_signed_cert,
    }
    secrets = {
        "tls:index/privateKey:PrivateKey": frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"})
    }
