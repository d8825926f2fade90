"""A real broker on loopback: TLS and SCRAM for clients, and a plain listener by which the tests are its administrator."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from tests.mesh.certificates import Authority
from tests.mesh.processes import Program
from tests.ports import free_port
from tests.tools import required_kafka
from tools.kafka_tools import java

QUICK = ("-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


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
        self.program = Program(
            [*java_program("kafka.Kafka"), self.folder / "server.properties"], self.folder / "broker.log"
        )
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


def java_program(name: str) -> list[str | Path]:
    """The command of one of Kafka's programs."""
    folder = required_kafka()
    return [java(folder), *QUICK, "-cp", f"{folder}/broker/*", name]


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """One that is its own controller: started, with nothing in it and nobody allowed."""
    made, controller = certified(folder, Authority(folder)), free_port()
    alone = dict.fromkeys(
        ("offsets.topic.replication.factor", "transaction.state.log.replication.factor",
         "transaction.state.log.min.isr", "offsets.topic.num.partitions", "transaction.state.log.num.partitions"), 1
    )  # fmt: skip
    format_storage(
        made.folder,
        {
            **of_a_broker(made),
            **quorum(100, controller),
            "node.id": 100,
            "process.roles": "broker,controller",
            "listeners": f"{listeners(made)},CONTROLLER://127.0.0.1:{controller}",
            **alone,
        },
        uuid.uuid4().hex[:22],
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()


def certified(folder: Path, authority: Authority) -> Broker:
    """A broker to come, with a certificate in its folder."""
    identity = authority.issue(f"kafka-{folder.name}", "kafka", addresses=["127.0.0.1"])
    (folder / "broker.pem").write_text(Path(identity.key).read_text() + Path(identity.chain).read_text())
    return Broker(folder=folder, port=free_port(), plain=free_port(), ca=Path(identity.roots))


def format_storage(folder: Path, settings: Mapping[str, object], cluster: str) -> None:
    """Write a node's settings into its folder, and make its storage one of the cluster of that id."""
    properties = folder / "server.properties"
    properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    command = [*java_program("kafka.tools.StorageTool"), "format", "-t", cluster, "-c", properties]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def listeners(made: Broker) -> str:
    """The clients', and the plain one."""
    return f"CLIENTS://127.0.0.1:{made.port},PLAIN://127.0.0.1:{made.plain}"


def quorum(voter: int, port: int) -> dict[str, object]:
    """One controller, the node `voter`; who may come to it and by which way."""
    return {
        "controller.quorum.voters": f"{voter}@127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CLIENTS:SASL_SSL,PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # Who comes by the plain listener, which a cluster's has not.
        "super.users": "User:ANONYMOUS",
    }


def of_a_broker(made: Broker) -> dict[str, object]:
    """What every broker has, whoever controls it."""
    return {
        "advertised.listeners": listeners(made),
        "inter.broker.listener.name": "PLAIN",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.clients.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": made.folder / "broker.pem",
        "auto.create.topics.enable": "false",
        "log.dirs": made.folder / "data",
        "group.initial.rebalance.delay.ms": 0,
    }
