"""As many real brokers as are rendered, with the rendered properties and topics: what is acknowledged outlives a broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import NewTopic

from infra.systems.immersiverse.document import AUTH_GROUP
from rehearsal.recording import Recording
from tests.kafka.cluster import Cluster, cluster
from tests.kafka.rendered import Manifest, apply, of_kind, properties, rendered
from tests.mesh.processes import wait_until

pytestmark = pytest.mark.judges

CREATED, DEACTIVATED = "auth.events.user_created", "user.events.user_deactivated"
AUTH, PROFILES = "auth-service", "user-profile-service"
PASSWORDS = {user: f"the password of {user}" for user in (AUTH, PROFILES, "analytics-service")}
CARELESS = "one.broker.is.enough"


@pytest.fixture(scope="module")
def objects(prod: Recording) -> list[Manifest]:
    return rendered(prod)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, objects: list[Manifest]) -> Iterator[Cluster]:
    (pool,) = (one for one in of_kind(objects, "KafkaNodePool") if one["spec"]["roles"] == ["broker"])
    count = int(pool["spec"]["replicas"])
    with cluster(tmp_path_factory.mktemp("kafka"), count, properties(objects)) as made:
        admin = made.admin
        apply(admin, objects, PASSWORDS)
        careless = NewTopic(CARELESS, num_partitions=1, config={"min.insync.replicas": "1"})
        admin.create_topics([careless])[CARELESS].result(30)
        yield made


def sent(settings: dict[str, object], topic: str, values: list[str]) -> list[KafkaError | None]:
    """What the brokers say of each event, written once and acknowledged by all that are in sync."""
    said: list[KafkaError | None] = []

    def told(error: KafkaError | None, message: Message) -> None:
        said.append(error)

    once = {"acks": "all", "retries": 0, "message.timeout.ms": 30_000, "topic.metadata.refresh.interval.ms": 200}
    producer = Producer({**settings, **once})
    for value in values:
        producer.produce(topic, value, key=value, on_delivery=told)
    producer.flush(60)
    assert len(said) == len(values), "an event of which nobody said anything"
    return said


def read(consumer: Consumer, wanted: set[str]) -> set[str]:
    """What came until all of the wanted were there; that is committed then."""
    found: set[str] = set()

    def all_there() -> bool:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.add((message.value() or b"").decode())
        return wanted <= found

    wait_until(all_there, f"{len(wanted)} events", patience=60)
    consumer.commit(asynchronous=False)
    return found


def reader(standing: Cluster, group: str, topic: str, user: str = AUTH) -> Consumer:
    settings = {
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "session.timeout.ms": 6000,
        "max.poll.interval.ms": 6000,
    }
    consumer = Consumer(standing.client(user, PASSWORDS[user], **settings))
    consumer.subscribe([topic])
    return consumer


def test_every_topic_is_on_as_many_brokers_as_it_says(standing: Cluster, objects: list[Manifest]) -> None:
    for one in of_kind(objects, "KafkaTopic"):
        spec = one["spec"]
        has = standing.in_sync(spec["topicName"])
        assert [len(brokers) for brokers in has.values()] == [spec["replicas"]] * int(spec["partitions"])


def test_a_topic_of_nobodys_writing_is_replicated_too(standing: Cluster) -> None:
    """What Kafka makes by itself, and what says no number, follows the cluster's."""
    assert [len(brokers) for brokers in standing.in_sync(CARELESS).values()] == [3]


@pytest.mark.parametrize("gone", range(3))
def test_with_one_broker_away_events_come_and_go(standing: Cluster, gone: int) -> None:
    """Whoever leads: the events, the group's place in them, and the group's own coordinator."""
    values = [f"without broker {gone}: {number}" for number in range(20)]
    consumer = reader(standing, AUTH_GROUP, DEACTIVATED)
    try:
        with standing.without(gone):
            wait_until(
                lambda: all(gone not in has for has in standing.in_sync(DEACTIVATED).values()),
                "the others to notice",
                patience=60,
            )
            assert sent(standing.client(PROFILES, PASSWORDS[PROFILES]), DEACTIVATED, values) == [None] * len(values)
            assert set(values) <= read(consumer, set(values))
    finally:
        consumer.close()


def test_what_one_broker_alone_holds_is_not_acknowledged(standing: Cluster) -> None:
    """The sender keeps it. A topic for which one is enough shows what would be lost with that one."""
    mine, careless = standing.leader(CREATED, 0), standing.leader(CARELESS, 0)
    others = [number for number in standing.brokers if number != careless]
    with standing.without(*others):
        wait_until(
            lambda: all(has == {careless} for has in standing.in_sync(CREATED).values()),
            f"broker {careless} to be alone (broker {mine} led)",
            patience=60,
        )
        said = sent(standing.client(AUTH, PASSWORDS[AUTH]), CREATED, ["written to one alone"])
        assert [error.code() for error in said if error] == [KafkaError.NOT_ENOUGH_REPLICAS]
        assert sent(standing.plain, CARELESS, ["written to one alone"]) == [None]
    assert sent(standing.client(AUTH, PASSWORDS[AUTH]), CREATED, ["written again"]) == [None]


def test_what_is_acknowledged_outlives_the_broker_that_took_it(standing: Cluster) -> None:
    values = [f"taken: {number}" for number in range(50)]
    assert sent(standing.client(AUTH, PASSWORDS[AUTH]), CREATED, values) == [None] * len(values)
    with standing.without(standing.leader(CREATED, 0)):
        consumer = reader(standing, "user-profile-service.auth-events", CREATED, PROFILES)
        try:
            assert set(values) <= read(consumer, set(values))
        finally:
            consumer.close()


def test_a_consumer_that_goes_leaves_its_part_to_the_others(standing: Cluster) -> None:
    """Two of a group share the partitions; when one falls silent the other has them all, and nothing is lost."""
    stays, goes = (reader(standing, AUTH_GROUP, DEACTIVATED) for _ in range(2))
    partitions = set(standing.in_sync(DEACTIVATED))

    def shared() -> bool:
        for each in (stays, goes):
            each.poll(0.2)
        return bool(stays.assignment()) and bool(goes.assignment())

    try:
        wait_until(shared, "both to have a part", patience=60)
        assert len(partitions) == len(stays.assignment()) + len(goes.assignment())
        values = [f"after one went: {number}" for number in range(30)]
        assert sent(standing.client(PROFILES, PASSWORDS[PROFILES]), DEACTIVATED, values) == [None] * len(values)
        # It polls no more, and has said nothing of what it was given.
        assert set(values) <= read(stays, set(values))
        assert {one.partition for one in stays.assignment()} == partitions
    finally:
        stays.close()
        goes.close()
