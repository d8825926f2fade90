"""Several real brokers on loopback with a controller apart, as the rendered cluster has them: each can go and come back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from tests.kafka.broker import Broker, certified, format_storage, java_program, listeners, of_a_broker, quorum
from tests.mesh.certificates import Authority
from tests.mesh.processes import Program, wait_until
from tests.ports import free_port

CONTROLLER = 100


@dataclass(frozen=True)
class Cluster:
    """`brokers` by their number. Clients are told of all of them."""

    brokers: Mapping[int, Broker]

    @property
    def admin(self) -> AdminClient:
        return AdminClient(self.plain)

    @property
    def plain(self) -> dict[str, Any]:
        """The settings of a client who may everything."""
        return {"bootstrap.servers": ",".join(f"127.0.0.1:{one.plain}" for one in self._all), "log_level": 0}

    def client(self, user: str, password: str, **more: Any) -> dict[str, Any]:
        """A client's settings, as the Auth Service has them."""
        servers = ",".join(f"127.0.0.1:{one.port}" for one in self._all)
        return {**self._all[0].client(user, password), "bootstrap.servers": servers, **more}

    def in_sync(self, topic: str) -> dict[int, set[int]]:
        """By partition the brokers that have all of it."""
        found = self.admin.list_topics(topic, timeout=10).topics[topic]
        return {number: set(partition.isrs) for number, partition in found.partitions.items()}

    def leader(self, topic: str, partition: int) -> int:
        """The broker that clients write to."""
        return int(self.admin.list_topics(topic, timeout=10).topics[topic].partitions[partition].leader)

    @contextmanager
    def without(self, *numbers: int) -> Iterator[None]:
        """These crash, and are there again afterwards, with all that came meanwhile."""
        topics = [name for name in self.admin.list_topics(timeout=10).topics if not name.startswith("__")]
        for number in numbers:
            self.brokers[number].crash()
        try:
            yield
        finally:
            for number in numbers:
                self.brokers[number].start()
            whole = set(self.brokers)
            for topic in topics:
                wait_until(
                    lambda topic=topic: all(has == whole for has in self.in_sync(topic).values()),  # type: ignore[misc]
                    f"{topic} to be on all brokers again",
                    patience=60,
                )

    @property
    def _all(self) -> list[Broker]:
        return list(self.brokers.values())


@contextmanager
def cluster(folder: Path, count: int, properties: Mapping[str, object]) -> Iterator[Cluster]:
    """`count` brokers, numbered from 0, with a Kafka object's `properties`: started, with nothing in them and nobody allowed."""
    port, identity, authority = free_port(), uuid.uuid4().hex[:22], Authority(folder)
    control = folder / "controller"
    nodes: dict[Path, dict[str, object]] = {
        control: {
            "node.id": CONTROLLER,
            "process.roles": "controller",
            "listeners": f"CONTROLLER://127.0.0.1:{port}",
            "log.dirs": control / "data",
        }
    }
    brokers: dict[int, Broker] = {}
    for number in range(count):
        own = folder / f"broker-{number}"
        own.mkdir()
        brokers[number] = certified(own, authority)
        nodes[own] = {
            **of_a_broker(brokers[number]),
            "node.id": number,
            "process.roles": "broker",
            "listeners": listeners(brokers[number]),
            "offsets.topic.num.partitions": 1,
        }
    control.mkdir()
    shared = {**properties, **quorum(CONTROLLER, port)}
    with ThreadPoolExecutor() as formatting:
        list(formatting.map(lambda own: format_storage(own, {**shared, **nodes[own]}, identity), nodes))
    with ExitStack() as running:
        governor = Program([*java_program("kafka.Kafka"), control / "server.properties"], control / "broker.log")
        running.callback(governor.kill)
        for one in brokers.values():
            running.callback(one.crash)
            one.start()
        made = Cluster(brokers)
        wait_until(lambda: len(made.admin.list_topics(timeout=5).brokers) == count, "every broker to have joined")
        yield made
