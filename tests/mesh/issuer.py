"""An issuer of a tenant's tokens: its keys as it would publish them, and tokens good and bad, signed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Issuer:
    """`issuer` is its `iss`, to the letter; `claims` are what its good tokens hold beside time."""

    def __init__(self, issuer: str, audience: str, **claims: Any) -> None:
        self.issuer = issuer
        self._claims = {"iss": issuer, "aud": audience, "sub": "user-1", **claims}
        self._key, self._other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))

    def keys(self) -> str:
        """Its JSON Web Key Set."""
        numbers = self._key.public_key().public_numbers()
        modulus, exponent = (
            encoded(one.to_bytes((one.bit_length() + 7) // 8, "big")) for one in (numbers.n, numbers.e)
        )
        return json.dumps(
            {"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": modulus, "e": exponent}]}
        )

    def token(self, **claims: Any) -> str:
        """A good one with other claims; None takes a claim away."""
        return self._signed(self._key, self._with(claims))

    def _with(self, claims: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        held = {**self._claims, "iat": now - 10, "exp": now + 600, **claims}
        return {name: value for name, value in held.items() if value is not None}

    def bad(self) -> dict[str, str]:
        """Each with a signature or a time that no one should take, by what is wrong with it."""
        now, good = int(time.time()), self._with({})
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        header, body, signature = self.token().split(".")
        return {
            "expired": self.token(exp=now - 120),
            "not_yet": self.token(nbf=now + 300),
            "for_others": self.token(aud="another"),
            "for_nobody": self.token(aud=None),
            "nobody": self.token(sub=None),
            "foreign": self._signed(self._other, good),
            "unknown": self.token(iss="https://evil.example"),
            "stripped": f"{header}.{body}.",
            "tampered": f"{header}.{_part({**good, 'sub': 'root', 'scope': 'admin'})}.{signature}",
            "none": f"{_part({'alg': 'none'})}.{_part(good)}.",
            # The public key as the secret of an HMAC: what a verifier takes that believes the token's own `alg`.
            "confused": _joined(
                {"alg": "HS256", "kid": "1"}, good, lambda text: hmac.digest(public, text, hashlib.sha256)
            ),
            "garbage": "x.y.z",
        }

    @staticmethod
    def _signed(key: rsa.RSAPrivateKey, claims: dict[str, Any]) -> str:
        return _joined(
            {"alg": "RS256", "kid": "1"}, claims, lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        )


def _joined(header: dict[str, str], claims: dict[str, Any], sign: Any) -> str:
    text = f"{_part(header)}.{_part(claims)}"
    return f"{text}.{encoded(sign(text.encode()))}"


def _part(content: dict[str, Any]) -> str:
    return encoded(json.dumps(content).encode())


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
