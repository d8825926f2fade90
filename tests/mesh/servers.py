"""The real servers behind the edge, each started with what it needs: Redis, ext-authz, the rate-limit service."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.mesh.processes import Program
from tests.mesh.tokens import ACCESS, REVOKED, SECRET
from tests.ports import free_port
from tests.tools import required_command, required_tool


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server, the loopback port that answers, and whether it does what it is there for."""

    name: str
    program: Program
    port: int
    ready: Callable[[], bool]


def redis(folder: Path, stack: ExitStack, name: str = "redis") -> Server:
    """An empty Redis that keeps nothing on disk."""
    port = free_port()
    listen: list[str | Path] = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    program = Program([required_command("redis-server"), *listen], folder / f"{name}.log")
    stack.callback(program.stop)
    return _once_ready(name, program, port, lambda: redis_answers(port, "PING") == "+PONG")


def ext_authz(folder: Path, stack: ExitStack, redis_port: int, **settings: str) -> Server:
    """The project's own, with the tests' key; it logs every answer unless `settings` say otherwise."""
    secret, port, http = folder / "jwt-keys", free_port(), free_port()
    secret.write_text(SECRET + "\n")
    given = {
        "JWT_SECRET_FILE": str(secret),
        "JWT_ISSUER": ACCESS["iss"],
        "JWT_AUDIENCE": ACCESS["aud"],
        "JWT_TYPE": ACCESS["type"],
        "REDIS_ADDR": f"127.0.0.1:{redis_port}",
        "GRPC_ADDR": f"127.0.0.1:{port}",
        "HTTP_ADDR": f"127.0.0.1:{http}",
        "LOG_ALLOWED_EVERY": "1",
        "LOG_DENIED_PER_SECOND": "10000",
        "SHUTDOWN_DELAY": "0s",
        "READINESS_INTERVAL": "100ms",
        **settings,
    }
    program = Program([required_tool("ext-authz")], folder / "ext-authz.log", environment=given)
    stack.callback(program.stop)
    return _once_ready("ext-authz", program, port, lambda: get(f"http://127.0.0.1:{http}/readyz") is not None)


def rate_limit(
    folder: Path, stack: ExitStack, redis_port: int, rules: Sequence[Mapping[str, Any]], **settings: str
) -> Server:
    """The service that Envoy asks; `rules` are the domains of its configuration, and `settings` hold but for where things are."""
    port, http, debug = free_port(), free_port(), free_port()
    config = folder / "ratelimit/config"
    config.mkdir(parents=True)
    for domain in rules:
        (config / f"{domain['domain']}.yaml").write_text(yaml.safe_dump(dict(domain)))
    given = {
        "RUNTIME_WATCH_ROOT": "false",
        "BACKEND_TYPE": "redis",
        "LOG_LEVEL": "error",
        **settings,
        "RUNTIME_ROOT": str(folder),
        "RUNTIME_SUBDIRECTORY": "ratelimit",
        "REDIS_SOCKET_TYPE": "tcp",
        "REDIS_URL": f"127.0.0.1:{redis_port}",
        "HOST": "127.0.0.1",
        "PORT": str(http),
        "GRPC_HOST": "127.0.0.1",
        "GRPC_PORT": str(port),
        "DEBUG_HOST": "127.0.0.1",
        "DEBUG_PORT": str(debug),
        "USE_STATSD": "false",
        "USE_PROMETHEUS": "false",
    }
    program = Program([required_tool("ratelimit")], folder / "ratelimit.log", environment=given)
    stack.callback(program.stop)
    return _once_ready("ratelimit", program, port, lambda: _counts(http, rules[0]))


def _once_ready(name: str, program: Program, port: int, ready: Callable[[], bool]) -> Server:
    program.wait(ready)
    return Server(name=name, program=program, port=port, ready=ready)


def _counts(http: int, rules: Mapping[str, Any]) -> bool:
    """Whether the service answers a question that needs its Redis: its own health page says less."""
    place, entries = rules["descriptors"][0], []
    while place:
        entries.append({"key": place["key"], "value": place.get("value", "the rig")})
        (place,) = place.get("descriptors", [None])
    question = {"domain": rules["domain"], "descriptors": [{"entries": entries}]}
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{http}/json", json.dumps(question).encode(), timeout=1).close()
    except urllib.error.HTTPError as refused:
        # Counted, and over the limit.
        return refused.code == 429
    except OSError:
        return False
    return True


def revoke(redis_port: int) -> None:
    """Put the revoked token on ext-authz's blacklist."""
    redis_answers(redis_port, f"SET blacklist:{REVOKED} 1")


def redis_answers(port: int, command: str) -> str:
    """One command, in the protocol's inline form."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(1024).decode().strip()
    except OSError:
        return ""


def get(url: str) -> str | None:
    """The body of a 200; None for everything else."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return str(answer.read().decode())
    except OSError:
        return None


def answers(url: str) -> bool:
    """Whether somebody speaks HTTP there, whatever is said."""
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
