"""A client that sends exactly what it is told: no path is tidied, no header added."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

TIMEOUT = 10.0


@dataclass(frozen=True)
class Answer:
    """What came back. Status 0 stands for a connection that was closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What the upstream says it got; empty when no upstream answered."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) and "service" in found else {}

    @property
    def upstream(self) -> str | None:
        return self.seen.get("service")

    def values(self, header: str) -> list[str]:
        """A header's values, as they reached the upstream."""
        return [value for name, value in self.seen.get("headers", ()) if name == header]


def send(
    address: tuple[str, int], method: str, target: str, headers: list[tuple[str, str]], body: bytes = b""
) -> Answer:
    """One request on a connection of its own."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"content-length: {len(body)}")
    head = "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1", "surrogateescape")
    with socket.create_connection(address, TIMEOUT) as connection:
        # Refused before the body was read: the answer is there all the same.
        with suppress(OSError):
            connection.sendall(head + body)
        return _read(connection, method)


def _read(connection: socket.socket, method: str) -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    except (http.client.HTTPException, OSError):
        return Answer(0, {}, b"")
    finally:
        response.close()


def upgrade(address: tuple[str, int], target: str, headers: list[tuple[str, str]], message: bytes) -> tuple[int, bytes]:
    """Ask for a WebSocket and send a message on it; the status, and what came back."""
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    lines += ["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13"]
    lines += ["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="]
    with socket.create_connection(address, TIMEOUT) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head and (chunk := connection.recv(1)):
            head += chunk
        status = int(head.split(b" ")[1])
        if status != 101:
            return status, b""
        connection.sendall(message)
        back = b""
        while len(back) < len(message) and (chunk := connection.recv(65536)):
            back += chunk
        return status, back
