"""A stand-in for Vault, which opens a stack's key at once."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

KEY = bytes(range(32))


class _Transit(BaseHTTPRequestHandler):
    """Says what `PUT /v1/transit/decrypt/<key>` of Vault's transit engine says."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps({"data": {"plaintext": base64.b64encode(KEY).decode()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def vault() -> Iterator[dict[str, Any]]:
    """What a state says of who opens its secrets; meanwhile the engine goes by that, and finds the stand-in."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Transit)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAULT_SERVER_URL", f"http://127.0.0.1:{server.server_port}")
        patch.setenv("VAULT_SERVER_TOKEN", "none")
        patch.setenv("PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER", "true")
        sealed = base64.b64encode(b"vault:v1:c2VhbGVk").decode()
        yield {"type": "cloud", "state": {"url": "hashivault://rehearsal", "encryptedkey": sealed}}
    server.shutdown()
    server.server_close()
