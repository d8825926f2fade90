"""Good and bad tokens, signed by hand: a library would refuse to make most of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SECRET = "e" * 16 + "c" * 16 + "o" * 16 + "2" * 16
OTHER_SECRET = SECRET[::-1]
REVOKED = "revoked-1"
"""The `jti` that the blacklist holds."""
KEY_ID = "key-1"
ACCESS = {"iss": "https://api.example.com", "aud": "eco2-api", "type": "access"}
"""The claims that make a token one for the APIs."""

_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PUBLIC = _RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)  # fmt: skip


def tokens() -> dict[str, str]:
    """Every token by the name that cases call it."""
    now = int(time.time())
    good: dict[str, Any] = {
        **ACCESS, "sub": "user-1", "provider": "kakao", "jti": "token-1", "iat": now - 10, "exp": now + 600,
    }  # fmt: skip
    return {
        "valid": hs256(good),
        "other": hs256({**good, "sub": "user-2", "provider": "naver", "jti": "token-2"}),
        "expired": hs256({**good, "exp": now - 60}),
        "not_yet": hs256({**good, "nbf": now + 300}),
        "forever": hs256({key: value for key, value in good.items() if key != "exp"}),
        "nobody": hs256({key: value for key, value in good.items() if key != "sub"}),
        "refresh": hs256({**good, "type": "refresh"}),
        "untyped": hs256({key: value for key, value in good.items() if key != "type"}),
        "unissued": hs256({key: value for key, value in good.items() if key != "iss"}),
        "issued_elsewhere": hs256({**good, "iss": "https://evil.example"}),
        "for_nobody": hs256({key: value for key, value in good.items() if key != "aud"}),
        "for_others": hs256({**good, "aud": "other-api"}),
        "for_several": hs256({**good, "aud": ["other-api", ACCESS["aud"]]}),
        "revoked": hs256({**good, "jti": REVOKED}),
        "foreign": hs256(good, OTHER_SECRET.encode()),
        "none": _unsigned({"alg": "none", "typ": "JWT"}, good),
        "none_shouted": _unsigned({"alg": "NONE", "typ": "JWT"}, good),
        "stripped": hs256(good).rpartition(".")[0] + ".",
        "hs512": _join({"alg": "HS512"}, good, lambda text: hmac.digest(SECRET.encode(), text, "sha512")),
        "rs256": rs256(good),
        # The public key as the secret of an HMAC: what a verifier takes that believes the token's own `alg`.
        "confused": hs256(good, _PUBLIC),
        "tampered": _tampered(hs256(good)),
        "injected": hs256({**good, "sub": "user-1\r\nx-user-id: root"}),
    }


def user(name: str) -> str:
    """A good token of that user."""
    now = int(time.time())
    claims = {"sub": name, "provider": "kakao", "jti": f"token-of-{name}", "iat": now - 10, "exp": now + 600}
    return hs256({**ACCESS, **claims})


def rs256(claims: dict[str, Any]) -> str:
    """Signed with the key that `key_set` publishes."""
    return _join(
        {"alg": "RS256", "kid": KEY_ID}, claims, lambda text: _RSA.sign(text, padding.PKCS1v15(), hashes.SHA256())
    )


def key_set() -> str:
    """The public key, as an issuer would publish it."""
    numbers = _RSA.public_key().public_numbers()
    modulus, exponent = (_encoded(one.to_bytes((one.bit_length() + 7) // 8, "big")) for one in (numbers.n, numbers.e))
    return json.dumps(
        {"keys": [{"kty": "RSA", "kid": KEY_ID, "alg": "RS256", "use": "sig", "n": modulus, "e": exponent}]}
    )


def hs256(claims: dict[str, Any], secret: bytes = SECRET.encode()) -> str:
    return _join({"alg": "HS256", "typ": "JWT"}, claims, lambda text: hmac.digest(secret, text, hashlib.sha256))


def _unsigned(header: dict[str, str], claims: dict[str, Any]) -> str:
    return _join(header, claims, lambda text: b"")


def _join(header: dict[str, str], claims: dict[str, Any], sign: Any) -> str:
    text = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    return f"{text}.{_encoded(sign(text.encode()))}"


def _tampered(token: str) -> str:
    """Someone else's claims under a good signature."""
    header, claims, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "=="))
    return f"{header}.{_encoded(json.dumps({**content, 'sub': 'root'}).encode())}.{signature}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
