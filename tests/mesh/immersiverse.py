"""ImmersiVerse's edge on the rig: a real Envoy with the rendered mesh, the Auth Service, and all that is behind it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from infra.systems.eco2 import tracing
from infra.systems.immersiverse.document import AUTH, GRPC_PORT, HOME
from tests.mesh import eco2, rig, tenants
from tests.mesh import immersiverse_servers as behind_it
from tests.mesh.client import Answer
from tests.mesh.manifests import Manifest
from tests.mesh.processes import wait_until
from tests.mesh.rig import Edge

HOST = "immersiverse.eco2.example.com"
PASSWORD, VERIFIER = "correct horse battery", "v" * 43


@dataclass
class Standing:
    """The edge and what is behind it; each request comes from an address of its own, as other people's do."""

    edge: Edge
    world: behind_it.World
    objects: list[Manifest]
    clients: Iterator[str] = field(
        default_factory=lambda: (f"198.51.{one // 250}.{one % 250}" for one in range(1, 9999))
    )

    def post(self, path: str, body: Any, *, token: str = "", client: str = "", host: str = HOST) -> Answer:
        headers = [("content-type", "application/json"), *([("authorization", f"Bearer {token}")] if token else [])]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.edge.send("POST", path, headers, content, host=host, client=client or next(self.clients))

    def sign_up(self) -> tuple[str, str]:
        """Somebody new: the address, and the id."""
        email = f"{uuid.uuid4().hex}@example.com"
        answer = self.post("/auth/users", {"email": email, "password": PASSWORD, "display_name": "A"})
        assert answer.status == 200, answer
        return email, str(said(answer)["user_id"])

    def login(self, email: str, password: str = PASSWORD, *, client: str = "") -> Answer:
        return self.post("/auth/login", {"email": email, "password": password}, client=client)

    def connect(self, token: str, code: str, platform: str = "twitch", verifier: str = VERIFIER) -> Answer:
        body = {"code": code, "code_verifier": verifier}
        return self.post(f"/auth/platforms/{platform}/accounts", body, token=token)

    def events(self, topic: str, key: str, count: int = 1) -> list[str]:
        """The ids of a user's events, when there are so many: a consumer that honours the id counts each once."""
        return sorted({one["event-id"] for one in self.records(topic, key, ids=count)})

    def records(self, topic: str, key: str, count: int = 1, *, ids: int = 0) -> list[dict[str, str]]:
        """The headers of a user's records, when there are so many, of so many ids: all that Kafka has of them."""
        found: list[dict[str, str]] = []
        reader = Consumer({"bootstrap.servers": f"127.0.0.1:{self.world.kafka.plain}", "group.id": uuid.uuid4().hex})
        partitions = self.world.kafka.admin.list_topics(topic, timeout=20).topics[topic].partitions
        reader.assign([TopicPartition(topic, one, 0) for one in partitions])

        def there() -> bool:
            for one in reader.consume(500, timeout=0.2):
                if one.error() is None and one.key() == key.encode():
                    found.append(_headers(one))
            return len(found) >= count and len({one["event-id"] for one in found}) >= ids

        wait_until(there, f"{count} events of {key} on {topic}", patience=60)
        reader.close()
        return found


def _headers(record: Message) -> dict[str, str]:
    return {name: value.decode() for name, value in dict(record.headers() or []).items() if isinstance(value, bytes)}


def said(answer: Answer) -> dict[str, Any]:
    return dict(json.loads(answer.body))


def refused(answer: Answer, status: int) -> None:
    """So, as JSON, and not a word of what is inside."""
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/json"), answer
    told = json.dumps(said(answer)).lower()
    for inside in ("127.", "upstream", "postgres", "pgx", "redis", "rbac", "dial", "sqlstate", "outbound"):
        assert inside not in told, answer


@contextmanager
def standing_up(
    objects: list[Manifest],
    factory: pytest.TempPathFactory,
    programs: Mapping[str, rig.Start] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Standing]:
    """All of it, until the end of the block: `programs` stand for further workloads, `settings` are the service's."""
    own, limits = factory.mktemp("around"), tenants.limits(objects)
    workloads = [
        rig.Workload(name=AUTH, namespace=HOME, port=GRPC_PORT),
        rig.Workload(name=tracing.NAME, namespace=tracing.NAMESPACE, port=tracing.OTLP),
    ]
    with ExitStack() as stack:
        around = behind_it.world(own, stack, objects)
        backends = rig.Backends(
            factory.mktemp("behind"), stack, workloads, eco2.AUTHORIZER, limits=limits,
            programs={AUTH: lambda _, ending: behind_it.auth(own, ending, around, settings), **(programs or {})},
        )  # fmt: skip
        edge = stack.enter_context(tenants.edge(objects, backends, factory.mktemp("edge")))
        made = Standing(edge, around, objects)
        wait_until(lambda: made.login("nobody@example.com").status == 401, "the service to be behind the gateway")
        yield made
