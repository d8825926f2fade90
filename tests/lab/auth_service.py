"""The document's auth service, small: logs in, and says whose a token is.

`python -m tests.lab.auth_service PORT KEY ISSUER AUDIENCE`. Tokens are signed with RS256, where the
document has a secret with which everybody who verifies could sign.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SALT = b"the lab's own"
USERS = {"admin": (1, "admin"), "user": (2, "user")}
"""The document's two users; in the lab each one's password is `<name>-password`."""
LASTS = 3600


def _kept(password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=SALT, n=2**12, r=8, p=1)


GUEST = re.compile(r"guest-(\d{1,6})")
"""As many more users as a walk needs: each has requests of its own to spend."""


def user_of(name: str) -> tuple[int, str] | None:
    """The number and the role of a user."""
    guest = GUEST.fullmatch(name)
    return (1000 + int(guest[1]), "user") if guest else USERS.get(name)


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Auth(BaseHTTPRequestHandler):
    """`/api/v1/auth/login` and `/api/v1/auth/verify`."""

    key: rsa.RSAPrivateKey
    issuer: str
    audience: str

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/api/v1/auth/login":
            self._answer(*self._login(content))
        else:
            # The gateway has verified the token, and says whose it is.
            user = {name: self.headers.get(f"x-lab-user-{name}") for name in ("id", "name", "role")}
            self._answer(200, {"valid": True, "user": user})

    def _login(self, content: bytes) -> tuple[int, dict[str, Any]]:
        try:
            given = json.loads(content)
            name, password = str(given["username"]), str(given["password"])
        except (ValueError, KeyError, TypeError):
            return 400, {"error": "username and password are missing"}
        user = user_of(name)
        # Also for nobody: the time that it takes tells nothing of who there is.
        right = hmac.compare_digest(_kept(f"{name}-password"), _kept(password))
        if user is None or not right:
            return 401, {"error": "Invalid credentials"}
        number, role = user
        return 200, {"token": self._token(name, number, role), "user": {"id": number, "username": name, "role": role}}

    def _token(self, name: str, number: int, role: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": self.audience, "sub": name, "iat": now, "exp": now + LASTS,
            "userId": str(number), "username": name, "role": role,
        }  # fmt: skip
        text = ".".join(_part(json.dumps(one).encode()) for one in ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims))
        return f"{text}.{_part(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing of a login gets into a log."""


def main() -> None:
    port, key, issuer, audience = sys.argv[1:]
    private = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise SystemExit("the signing key is not an RSA key")
    Auth.key, Auth.issuer, Auth.audience = private, issuer, audience
    ThreadingHTTPServer(("127.0.0.1", int(port)), Auth).serve_forever()


if __name__ == "__main__":
    main()
