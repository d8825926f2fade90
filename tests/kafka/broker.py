"""A real broker on loopback: one node, TLS and SCRAM for clients, and a plain listener by which the tests are its administrator."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from tests.mesh.certificates import Authority
from tests.mesh.processes import Program, wait_until
from tests.ports import free_port
from tests.tools import missing
from tools.kafka_tools import find_kafka, java

QUICK = ("-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def tools() -> Path:
    """The folder with everything; without it the test skips, or fails in CI."""
    return find_kafka() or missing("Kafka is not fetched: `python -m tools.kafka_tools` does it (needs Maven)")


@dataclass
class Broker:
    """`port` is the clients'. It can be stopped and started again with what it had."""

    folder: Path
    port: int
    plain: int
    ca: Path
    program: Program | None = None

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": f"127.0.0.1:{self.plain}", "log_level": 0})

    def client(self, user: str, password: str, **more: Any) -> dict[str, Any]:
        """A client's settings, as the Auth Service has them."""
        return {
            "bootstrap.servers": f"127.0.0.1:{self.port}",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(self.ca),
            "log_level": 0,
            **more,
        }

    def start(self) -> None:
        self.program = Program([*_java("kafka.Kafka"), self.folder / "server.properties"], self.folder / "broker.log")
        self.program.wait(self._answers)

    def stop(self) -> None:
        if self.program:
            self.program.stop()
            self.program = None

    def crash(self) -> None:
        if self.program:
            self.program.kill()
            self.program = None

    def _answers(self) -> bool:
        try:
            return bool(self.admin.list_topics(timeout=1).brokers)
        except Exception:
            return False


def _java(name: str) -> list[str | Path]:
    folder = tools()
    return [java(folder), *QUICK, "-cp", f"{folder}/broker/*", name]


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """Started, with nothing in it and nobody allowed."""
    authority = Authority(folder)
    identity = authority.issue("kafka", "kafka", addresses=["127.0.0.1"])
    store = folder / "broker.pem"
    store.write_text(Path(identity.key).read_text() + Path(identity.chain).read_text())
    made = Broker(folder=folder, port=free_port(), plain=free_port(), ca=Path(identity.roots))
    (folder / "server.properties").write_text(_properties(made, store, free_port()))
    formatted = Program(
        [*_java("kafka.tools.StorageTool"), "format", "-t", uuid.uuid4().hex[:22], "-c", folder / "server.properties"],
        folder / "format.log",
    )
    wait_until((folder / "data/meta.properties").exists, "Kafka's storage to be formatted")
    formatted.stop()
    made.start()
    try:
        yield made
    finally:
        made.stop()


def _properties(made: Broker, store: Path, controller: int) -> str:
    settings: Mapping[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"CLIENTS://127.0.0.1:{made.port},PLAIN://127.0.0.1:{made.plain},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENTS://127.0.0.1:{made.port},PLAIN://127.0.0.1:{made.plain}",
        "listener.security.protocol.map": "CLIENTS:SASL_SSL,PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAIN",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.clients.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": store,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # Who comes by the plain listener, which a cluster's has not.
        "super.users": "User:ANONYMOUS",
        "auto.create.topics.enable": "false",
        "log.dirs": made.folder / "data",
        **dict.fromkeys(
            ("offsets.topic.replication.factor", "transaction.state.log.replication.factor",
             "transaction.state.log.min.isr", "offsets.topic.num.partitions", "transaction.state.log.num.partitions"), 1
        ),
        "group.initial.rebalance.delay.ms": 0,
    }  # fmt: skip
    return "".join(f"{key}={value}\n" for key, value in settings.items())
