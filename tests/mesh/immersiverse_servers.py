"""The reference Auth Service as a workload of the rig, with what it needs: PostgreSQL over TLS, Redis, Kafka and a platform."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from infra.systems.immersiverse.document import AUTH_USER
from tests.deploy.test_database import newest_binaries
from tests.kafka.broker import Broker, broker
from tests.kafka.rendered import Manifest, apply
from tests.mesh import servers
from tests.mesh.certificates import Authority, Certificate
from tests.mesh.processes import Program
from tests.mesh.servers import Server
from tests.ports import free_port
from tests.stacks import ROOT
from tests.tools import required_tool

CONFIG = ROOT / "deploy/immersiverse/postgres"
SIGNING, SEALING = "a signing key of the rig, long enough", "a sealing key of the rig, long enough"
LOCAL, REDIS_PASSWORD = "127.0.0.1", "counts"


@dataclass
class Platform:
    """A made-up platform: codes by the challenge that they were given out for; it can be `slow`."""

    port: int = 0
    challenges: dict[str, str] = field(default_factory=dict)
    slow: bool = False

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
        digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
        shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        code = form.get("code", [""])[0]
        if form.get("client_secret") != ["twitch secret"] or self.challenges.pop(code, "") != shown:
            return None
        return {"access_token": f"at-{code}", "refresh_token": "rt", "expires_in": 3600, "token_type": "bearer"}


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


@dataclass
class Postgres:
    """PostgreSQL with the cluster's own configuration, but for address, port and folders; it can be stopped and started."""

    home: Path
    port: int
    binaries: Path

    def run(self, *command: str | Path, **environment: str) -> None:
        account = "nobody" if os.geteuid() == 0 else None  # initdb refuses root
        where = {"PATH": f"{self.binaries}:/usr/bin:/bin", **environment}
        subprocess.run(
            [str(one) for one in command], user=account, check=True, capture_output=True, cwd=self.home, env=where
        )

    def start(self) -> None:
        options = (
            f"-c config_file={self.home}/postgresql.conf -c hba_file={self.home}/pg_hba.conf -p {self.port} -k {self.home} "
            f"-c listen_addresses={LOCAL} -c shared_buffers=32MB -c fsync=off "
            f"-c ssl_cert_file={self.home}/tls.crt -c ssl_key_file={self.home}/tls.key"
        )
        self.run("pg_ctl", "-D", self.home / "data", "-w", "-l", self.home / "log", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.home / "data", "-m", "immediate", "stop")


@contextmanager
def postgres(identity: Certificate, secrets: Path) -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="immersiverse-postgres-") as folder:
        made = Postgres(Path(folder), free_port(), newest_binaries())
        files = {"tls.crt": identity.chain, "tls.key": identity.key, "ca.crt": identity.roots}
        for name in ("postgresql.conf", "pg_hba.conf"):
            files[name] = CONFIG / name
        files["password"] = secrets / "admin-password"
        for name, source in files.items():
            shutil.copy(source, made.home / name)
        for path in (made.home, *made.home.iterdir()):
            path.chmod(0o700 if path.is_dir() else 0o600)
            if os.geteuid() == 0:
                shutil.chown(path, "nobody")
        made.run(
            "initdb", "-D", made.home / "data", "-U", "postgres", f"--pwfile={made.home}/password",
            "--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "-N", "-E", "UTF8",
        )  # fmt: skip
        made.start()
        try:
            subprocess.run(
                ["sh", ROOT / "deploy/data/postgres/databases.sh"], check=True, capture_output=True,
                env={"PATH": f"{made.binaries}:/usr/bin:/bin", "PGHOST": LOCAL, "PGPORT": str(made.port), "PGUSER": "postgres",
                     "PGDATABASE": "postgres", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(identity.roots),
                     "SECRETS": str(secrets), "SERVICES": "auth", "FILES": str(ROOT / "deploy/data/postgres")},
            )  # fmt: skip
            yield made
        finally:
            made.stop()


@dataclass
class World:
    """Everything behind the Auth Service, to make it fail."""

    kafka: Broker
    database: Postgres
    redis: Server
    platform: Platform
    passwords: dict[str, str]


def world(folder: Path, stack: ExitStack, objects: list[Manifest]) -> World:
    """Started, with Kafka as it is rendered."""
    identity = Authority(folder, "servers").issue("servers", "all", addresses=[LOCAL])
    secrets = folder / "secrets"
    secrets.mkdir()
    for name, text in {"admin-password": "the administrator's", "auth-password": "the Auth Service's"}.items():
        (secrets / name).write_text(text)
    passwords = {AUTH_USER: "auth in Kafka", "user-profile-service": "profiles", "analytics-service": "analytics"}
    kafka = folder / "kafka"
    kafka.mkdir()
    made = stack.enter_context(broker(kafka))
    apply(made.admin, objects, passwords)
    redis = servers.redis(folder, stack, "auth-redis")
    servers.redis_answers(redis.port, f"CONFIG SET requirepass {REDIS_PASSWORD}")
    return World(
        kafka=made,
        database=stack.enter_context(postgres(identity, secrets)),
        redis=redis,
        platform=stack.enter_context(platform(identity)),
        passwords=passwords,
    )


def auth(folder: Path, stack: ExitStack, around: World) -> Server:
    """The service itself, told of its surroundings as its Deployment tells it."""
    files = {
        "postgres": "the Auth Service's", "kafka": around.passwords[AUTH_USER], "signing": SIGNING, "sealing": SEALING,
        "redis": REDIS_PASSWORD, "client-id": "twitch id", "client-secret": "twitch secret",
        "platforms": json.dumps({"twitch": {
            "token_url": f"https://{LOCAL}:{around.platform.port}/token", "user_url": f"https://{LOCAL}:{around.platform.port}/user",
            "id_field": "data.0.id", "redirect_url": "https://immersiverse.example/connected",
            "client_id_file": str(folder / "auth-client-id"), "client_secret_file": str(folder / "auth-client-secret"),
        }}),
    }  # fmt: skip
    for name, text in files.items():
        (folder / f"auth-{name}").write_text(text)
    port, http = free_port(), free_port()
    given = {
        "GRPC_ADDR": f"{LOCAL}:{port}", "HTTP_ADDR": f"{LOCAL}:{http}", "DATABASE_HOST": LOCAL,
        "DATABASE_PORT": str(around.database.port), "DATABASE_NAME": "auth", "DATABASE_USER": "auth",
        "DATABASE_PASSWORD_FILE": str(folder / "auth-postgres"), "DATABASE_CA_FILE": str(folder / "roots.pem"),
        "REDIS_ADDR": f"{LOCAL}:{around.redis.port}", "REDIS_USERNAME": "default",
        "REDIS_PASSWORD_FILE": str(folder / "auth-redis"), "KAFKA_BROKERS": f"{LOCAL}:{around.kafka.port}",
        "KAFKA_CA_FILE": str(around.kafka.ca), "KAFKA_USERNAME": AUTH_USER, "KAFKA_PASSWORD_FILE": str(folder / "auth-kafka"),
        "JWT_SECRET_FILE": str(folder / "auth-signing"), "JWT_ISSUER": "https://immersiverse.test", "JWT_AUDIENCE": "immersiverse",
        "SEALING_KEY_FILE": str(folder / "auth-sealing"), "PLATFORMS_FILE": str(folder / "auth-platforms"),
        "SHUTDOWN_DELAY": "0s", "SSL_CERT_FILE": str(folder / "roots.pem"),
    }  # fmt: skip
    program = Program([required_tool("auth")], folder / "auth.log", environment=given)
    stack.callback(program.stop)
    metrics = f"http://{LOCAL}:{http}/metrics"
    server = Server(name="auth", program=program, port=port, ready=lambda: servers.get(metrics) is not None)
    program.wait(server.ready)
    return server
