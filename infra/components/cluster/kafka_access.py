"""What is kept in Kafka, and who may do what with it: topics and users of Strimzi's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pulumi

from infra.components.cluster.kafka import API, OWNER
from infra.components.cluster.metadata import metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

RETRY, DEAD_LETTER = ".retry", ".dlq"
"""How the names of a topic's two companions end: what failed and is tried again later, and what failed for good."""

DASHED = str.maketrans("._", "--")
DAY_MS = 24 * 60 * 60 * 1000
Operation = Literal["Read", "Write", "Describe"]


@dataclass(frozen=True, kw_only=True)
class Topic:
    """`days` is how long a record is kept."""

    name: str
    partitions: int
    days: int


def with_companions(topic: Topic, *, dead_letter_days: int) -> tuple[Topic, Topic, Topic]:
    """The topic, its retry topic and its dead letters, with as many partitions: a key goes to the same one of each."""
    return (
        topic,
        Topic(name=topic.name + RETRY, partitions=topic.partitions, days=topic.days),
        Topic(name=topic.name + DEAD_LETTER, partitions=topic.partitions, days=dead_letter_days),
    )


@dataclass(frozen=True, kw_only=True)
class User:
    """`writes` and `reads` are topics by their whole names; `groups` are consumer groups, by their whole names too."""

    name: str
    writes: Sequence[str] = ()
    reads: Sequence[str] = ()
    groups: Sequence[str] = ()

    def __post_init__(self) -> None:
        if bool(self.reads) != bool(self.groups):
            raise ValueError(f"{self.name}: who reads does so in a group, and a group is to read in")
        if not (self.writes or self.reads) or any("*" in name for name in (*self.writes, *self.reads, *self.groups)):
            raise ValueError(f"{self.name}: topics and groups are named one by one")


def topic_spec(topic: Topic, *, replicas: int, in_sync: int) -> dict[str, Any]:
    """The KafkaTopic's spec."""
    return {
        "topicName": topic.name,
        "partitions": topic.partitions,
        "replicas": replicas,
        "config": {
            "cleanup.policy": "delete",
            "retention.ms": topic.days * DAY_MS,
            "min.insync.replicas": in_sync,
            "max.message.bytes": 1 << 20,
        },
    }


def user_spec(user: User) -> dict[str, Any]:
    """The KafkaUser's spec: what is not allowed here is refused. A topic's writers need no more for an idempotent producer."""
    rules = [
        *(_rule("topic", name, _operations(user, name)) for name in dict.fromkeys((*user.writes, *user.reads))),
        *(_rule("group", name, ["Describe", "Read"]) for name in user.groups),
    ]
    return {
        "authentication": {"type": "scram-sha-512"},
        "authorization": {"type": "simple", "acls": rules},
    }


def _operations(user: User, topic: str) -> list[Operation]:
    found: list[Operation] = ["Describe"]
    if topic in user.reads:
        found.append("Read")
    if topic in user.writes:
        found.append("Write")
    return found


def _rule(kind: str, name: str, operations: list[Operation]) -> dict[str, Any]:
    return {
        "type": "allow",
        "resource": {"type": kind, "name": name, "patternType": "literal"},
        "operations": list(operations),
        "host": "*",
    }


def object_name(topic: str) -> str:
    """A topic's name as Kubernetes takes it: Kafka allows underscores."""
    return topic.replace("_", "-")


@dataclass(frozen=True, kw_only=True)
class KafkaAccessArgs:
    """Topics come before users; `protect` guards the topics."""

    cluster: str
    namespace: str
    topics: Sequence[Topic]
    users: Sequence[User]
    replicas: int
    in_sync: int
    wave: int
    protect: bool

    def __post_init__(self) -> None:
        known = {topic.name for topic in self.topics}
        for user in self.users:
            if unknown := {*user.writes, *user.reads} - known:
                raise ValueError(f"{user.name}: there is no topic {', '.join(sorted(unknown))}")


class KafkaAccess(PlatformComponent):
    """Strimzi makes each user's password, and a Secret of its name with it.

    Resources: a KafkaTopic and a KafkaUser each.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:KafkaAccess"

    def __init__(self, name: str, args: KafkaAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        owned = {OWNER: args.cluster}
        for topic in args.topics:
            KubernetesObject(
                f"{name}-{topic.name.translate(DASHED)}-kafkatopic",
                f"{API}/KafkaTopic",
                metadata=metadata(
                    object_name(topic.name),
                    args.namespace,
                    wave=args.wave,
                    labels=owned,
                    annotations={"argocd.argoproj.io/sync-options": "Prune=false"},
                ),
                body={"spec": topic_spec(topic, replicas=args.replicas, in_sync=args.in_sync)},
                opts=self.guarded(args.protect),
            )
        for user in args.users:
            KubernetesObject(
                f"{name}-{user.name}-kafkauser",
                f"{API}/KafkaUser",
                metadata=metadata(user.name, args.namespace, wave=args.wave + 1, labels=owned),
                body={"spec": user_spec(user)},
                opts=self.child,
            )
        self.register_outputs({})
