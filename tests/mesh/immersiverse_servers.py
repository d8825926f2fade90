"""The reference Auth Service as a workload of the rig, with what it needs: PostgreSQL over TLS, Redis, Kafka and a platform."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from infra.systems.immersiverse.document import AUTH, AUTH_USER
from tests.kafka.broker import Broker, broker
from tests.kafka.rendered import Manifest, apply, on_one_broker
from tests.mesh import servers
from tests.mesh.certificates import Authority
from tests.mesh.immersiverse_data import Cache, Postgres, postgres, redis
from tests.mesh.immersiverse_platform import Platform, platform
from tests.mesh.processes import Program
from tests.mesh.servers import Server
from tests.ports import free_port
from tests.tools import required_tool

SIGNING, SEALING = "a signing key of the rig, long enough", "a sealing key of the rig, long enough"
LOCAL = "127.0.0.1"


@dataclass
class Auth:
    """The service's own process, which can end as a crash ends it, and start again."""

    settings: dict[str, str]
    log: Path
    metrics: str

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.program = Program([required_tool("auth")], self.log, environment=self.settings)
        self.program.wait(self.ready)

    def ready(self) -> bool:
        return servers.get(self.metrics) is not None

    def crash(self) -> None:
        self.program.kill()

    def stop(self) -> None:
        self.program.stop()


@dataclass
class World:
    """The Auth Service and everything behind it, to make it fail."""

    kafka: Broker
    database: Postgres
    redis: Cache
    platform: Platform
    passwords: dict[str, str]
    auth: Auth | None = None


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
    apply(made.admin, on_one_broker(objects), passwords)
    return World(
        kafka=made,
        database=stack.enter_context(postgres(identity, secrets)),
        redis=redis(folder, stack, objects),
        platform=stack.enter_context(platform(identity)),
        passwords=passwords,
    )


def auth(folder: Path, stack: ExitStack, around: World, settings: Mapping[str, str] | None = None) -> Server:
    """The service itself, told of its surroundings as its Deployment tells it; `settings` are further ones."""
    files = {
        "postgres": "the Auth Service's", "kafka": around.passwords[AUTH_USER], "signing": SIGNING, "sealing": SEALING,
        "redis": around.redis.password(AUTH), "client-id": "twitch id", "client-secret": "twitch secret",
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
        "REDIS_ADDR": f"{LOCAL}:{around.redis.port}", "REDIS_USERNAME": AUTH,
        "REDIS_PASSWORD_FILE": str(folder / "auth-redis"), "KAFKA_BROKERS": f"{LOCAL}:{around.kafka.port}",
        "KAFKA_CA_FILE": str(around.kafka.ca), "KAFKA_USERNAME": AUTH_USER, "KAFKA_PASSWORD_FILE": str(folder / "auth-kafka"),
        "JWT_SECRET_FILE": str(folder / "auth-signing"), "JWT_ISSUER": "https://immersiverse.test", "JWT_AUDIENCE": "immersiverse",
        "SEALING_KEY_FILE": str(folder / "auth-sealing"), "PLATFORMS_FILE": str(folder / "auth-platforms"),
        "SHUTDOWN_DELAY": "0s", "SSL_CERT_FILE": str(folder / "roots.pem"),
    }  # fmt: skip
    made = around.auth = Auth({**given, **(settings or {})}, folder / "auth.log", f"http://{LOCAL}:{http}/metrics")
    stack.callback(made.stop)
    return Server(name="auth", program=made.program, port=port, ready=made.ready)
