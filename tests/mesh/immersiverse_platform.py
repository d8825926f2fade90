"""A made-up streaming platform: OAuth 2.0 with PKCE, and refresh tokens that are good once."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.mesh.certificates import Certificate

LOCAL = "127.0.0.1"


@dataclass
class Platform:
    """A made-up platform: codes by the challenge that they were given out for; it can be `slow`.

    Its tokens are good for `lifetime` seconds. `renewed` are the refresh tokens that were traded, which it may have `revoked`.
    """

    port: int = 0
    challenges: dict[str, str] = field(default_factory=dict)
    slow: bool = False
    lifetime: int = 3600
    renewed: list[str] = field(default_factory=list)
    revoked: bool = False

    def code(self, verifier: str) -> str:
        """A code for who knows the verifier."""
        digest = hashlib.sha256(verifier.encode()).digest()
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return code

    def trade(self, form: dict[str, list[str]]) -> dict[str, Any] | None:
        """Tokens for a code, once (RFC 7636, 4.6)."""
        if self.slow:
            time.sleep(4)
        if form.get("grant_type") == ["refresh_token"]:
            return self._renew(form["refresh_token"][0])
        digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
        shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        code = form.get("code", [""])[0]
        if form.get("client_secret") != ["twitch secret"] or self.challenges.pop(code, "") != shown:
            return None
        return self._tokens(f"at-{code}", f"rt-{code}")

    def _renew(self, token: str) -> dict[str, Any] | None:
        """A refresh token is good once (RFC 6749, 10.4)."""
        if self.revoked or token in self.renewed:
            return None
        self.renewed.append(token)
        return self._tokens(f"{token}-access", f"{token}+")

    def _tokens(self, access: str, refresh: str) -> dict[str, Any]:
        return {
            "access_token": access, "refresh_token": refresh, "expires_in": self.lifetime, "token_type": "bearer",
        }  # fmt: skip


@contextmanager
def platform(identity: Certificate) -> Iterator[Platform]:
    made = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            tokens = made.trade(form)
            self._say(400 if tokens is None else 200, tokens or {"error": "invalid_grant"})

        def do_GET(self) -> None:
            who = self.headers.get("authorization", "").removeprefix("Bearer at-")
            self._say(200, {"data": [{"id": f"twitch-{who}"}]})

        def _say(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((LOCAL, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.chain, identity.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
