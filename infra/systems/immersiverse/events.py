"""Kafka (immersiverse-auth.md §3): the brokers, the topics with their companions, and who may do what with them."""

from __future__ import annotations

from collections.abc import Iterator

from infra.components.cluster.kafka import KafkaCluster, KafkaClusterArgs, Nodes
from infra.components.cluster.kafka_access import (
    DEAD_LETTER,
    RETRY,
    KafkaAccess,
    KafkaAccessArgs,
    Topic,
    User,
    with_companions,
)
from infra.components.cluster.pods import Resources
from infra.settings.immersiverse import Kafka
from infra.systems.immersiverse import versions
from infra.systems.immersiverse.context import KAFKA_WAVE, Context
from infra.systems.immersiverse.document import (
    AUTH_GROUP,
    AUTH_TOPICS,
    AUTH_USER,
    CONSUMERS,
    HOME,
    SYSTEM,
    USER_DEACTIVATED,
)

REPLICAS, IN_SYNC, CONTROLLERS = 3, 2, 3
CLUSTER = SYSTEM
BROKER = Resources(cpu="200m", memory="1Gi", memory_limit="1536Mi")
CONTROLLER = Resources(cpu="100m", memory="512Mi", memory_limit="768Mi")
HELPER = Resources(cpu="50m", memory="256Mi", memory_limit="512Mi")


def topics(settings: Kafka) -> list[Topic]:
    """Every topic of the document's, each with its retry topic and its dead letters (§3.3)."""
    return [
        one
        for name in (*AUTH_TOPICS, USER_DEACTIVATED)
        for one in with_companions(
            Topic(name=name, partitions=settings.partitions, days=settings.retention_days),
            dead_letter_days=settings.dead_letter_days,
        )
    ]


def users() -> list[User]:
    """The Auth Service writes its own events and no others; a consumer reads what it is for, in its own group."""
    return [
        User(
            name=AUTH_USER,
            writes=(*AUTH_TOPICS, *_failed(USER_DEACTIVATED)),
            reads=(USER_DEACTIVATED, USER_DEACTIVATED + RETRY),
            groups=(AUTH_GROUP,),
        ),
        *(
            User(
                name=one.name,
                writes=(*one.writes, *(name for topic in one.reads for name in _failed(topic))),
                reads=tuple(name for topic in one.reads for name in (topic, topic + RETRY)),
                groups=(one.group,),
            )
            for one in CONSUMERS
        ),
    ]


def _failed(topic: str) -> Iterator[str]:
    """Where a consumer puts what it could not take in."""
    yield topic + RETRY
    yield topic + DEAD_LETTER


def build_events(context: Context) -> KafkaCluster:
    """Register the cluster, then what is in it."""
    settings = context.settings.kafka
    cluster = KafkaCluster(
        context.names.logical("kafka"),
        KafkaClusterArgs(
            cluster=CLUSTER,
            namespace=HOME,
            version=versions.KAFKA,
            metadata_version=versions.KAFKA_METADATA,
            pools=(
                Nodes(
                    role="controller",
                    count=CONTROLLERS,
                    gib=settings.controller_gib,
                    heap="256m",
                    resources=CONTROLLER,
                ),
                Nodes(role="broker", count=settings.brokers, gib=settings.broker_gib, heap="512m", resources=BROKER),
            ),
            replicas=REPLICAS,
            in_sync=IN_SYNC,
            storage_class=context.cluster.platform.storage_class,
            node_selector=context.cluster.platform.node_selector,
            # With fewer machines than that they must share, or they would wait for ever.
            spread="DoNotSchedule" if context.machines >= REPLICAS else "ScheduleAnyway",
            helpers=HELPER,
            wave=KAFKA_WAVE,
            protect=context.protect,
        ),
        context.objects,
    )
    KafkaAccess(
        context.names.logical("kafka-access"),
        KafkaAccessArgs(
            cluster=CLUSTER,
            namespace=HOME,
            topics=topics(settings),
            users=users(),
            replicas=REPLICAS,
            in_sync=IN_SYNC,
            wave=KAFKA_WAVE + 1,
            protect=context.protect,
        ),
        context.objects,
    )
    return cluster
