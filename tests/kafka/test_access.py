"""Who may do what on a real broker, with the topics, users and ACLs that are rendered: a table, and everybody else is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from infra.systems.immersiverse.document import AUTH_GROUP
from rehearsal.recording import Recording
from tests.kafka.broker import Broker, broker
from tests.kafka.rendered import add_user, apply, of_kind, on_one_broker, rendered

pytestmark = pytest.mark.verify

CREATED, LOGGED_IN, CONNECTED = (
    "auth.events.user_created",
    "auth.events.login_succeeded",
    "auth.events.platform_connected",
)
DEACTIVATED = "user.events.user_deactivated"
PROFILES, ANALYTICS, AUTH, STRANGER = "user-profile-service", "analytics-service", "auth-service", "stranger"


def failed(*topics: str) -> set[str]:
    return {f"{topic}{end}" for topic in topics for end in (".retry", ".dlq")}


def again(*topics: str) -> set[str]:
    return {name for topic in topics for name in (topic, f"{topic}.retry")}


WRITES = {
    AUTH: {CREATED, LOGGED_IN, CONNECTED, *failed(DEACTIVATED)},
    PROFILES: {DEACTIVATED, *failed(CREATED, CONNECTED)},
    ANALYTICS: failed(CREATED, LOGGED_IN, CONNECTED),
    STRANGER: set(),
}
READS = {
    AUTH: again(DEACTIVATED),
    PROFILES: again(CREATED, CONNECTED),
    ANALYTICS: again(CREATED, LOGGED_IN, CONNECTED),
    STRANGER: set(),
}
GROUPS = {
    AUTH: AUTH_GROUP,
    PROFILES: "user-profile-service.auth-events",
    ANALYTICS: "analytics-service.auth-events",
}
EVERYTHING: Any = None
"""The stubs of the client do not know that no name stands for all."""
ANY = AclBindingFilter(
    ResourceType.ANY,
    EVERYTHING,
    ResourcePatternType.ANY,
    EVERYTHING,
    EVERYTHING,
    AclOperation.ANY,
    AclPermissionType.ANY,
)
PASSWORDS = {user: f"the password of {user}" for user in WRITES}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, prod: Recording) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("kafka")) as made:
        objects = rendered(prod)
        assert {one["metadata"]["name"] for one in of_kind(objects, "KafkaUser")} == set(GROUPS)
        apply(made.admin, on_one_broker(objects), {user: PASSWORDS[user] for user in GROUPS})
        add_user(made.admin, STRANGER, PASSWORDS[STRANGER])
        plain = Producer({"bootstrap.servers": f"127.0.0.1:{made.plain}"})
        for topic in topics(made):
            plain.produce(topic, b"first", partition=0)
        assert plain.flush(30) == 0
        yield made


def topics(made: Broker) -> list[str]:
    return sorted(name for name in made.admin.list_topics(timeout=10).topics if not name.startswith("__"))


@pytest.mark.parametrize("user", WRITES)
def test_who_writes_where(standing: Broker, user: str) -> None:
    """By an idempotent producer, which needs no further right."""
    producer = Producer(standing.client(user, PASSWORDS[user], **{"enable.idempotence": True}))
    taken: set[str] = set()
    refused: dict[str, int] = {}

    def told(error: KafkaError | None, message: Message) -> None:
        if error is None:
            taken.add(str(message.topic()))
        else:
            refused[str(message.topic())] = error.code()

    for topic in topics(standing):
        producer.produce(topic, b"x", on_delivery=told)
    producer.flush(30)
    assert taken == WRITES[user]
    assert set(refused) == set(topics(standing)) - WRITES[user]
    assert set(refused.values()) <= {KafkaError.TOPIC_AUTHORIZATION_FAILED}


@pytest.mark.parametrize("user", READS)
def test_who_reads_what(standing: Broker, user: str) -> None:
    """Each topic holds a record; asked for all of them at once, a user gets those that are its own to read."""
    group = {"group.id": GROUPS.get(user, AUTH_GROUP), "enable.auto.commit": False}
    reader = Consumer(standing.client(user, PASSWORDS[user], **group))
    reader.assign([TopicPartition(topic, 0, 0) for topic in topics(standing)])
    seen: set[str] = set()
    for _ in range(100):
        seen |= {str(one.topic()) for one in reader.consume(100, timeout=0.2) if one.error() is None}
        if READS[user] <= seen:
            break
    seen |= {str(one.topic()) for one in reader.consume(1000, timeout=1) if one.error() is None}
    reader.close()
    assert seen == READS[user]


@pytest.mark.parametrize("group", GROUPS.values())
@pytest.mark.parametrize("user", GROUPS)
def test_who_joins_which_group(standing: Broker, user: str, group: str) -> None:
    assert joins(standing, user, group) is (GROUPS[user] == group)


def test_no_group_is_open_because_its_name_begins_like_ones_own(standing: Broker) -> None:
    assert not joins(standing, AUTH, f"{AUTH_GROUP}.2")


def joins(standing: Broker, user: str, group: str) -> bool:
    """Whether the user becomes a member of the group."""
    member = Consumer(standing.client(user, PASSWORDS[user], **{"group.id": group}))
    assigned: list[TopicPartition] = []
    member.subscribe(sorted(READS[user])[:1], on_assign=lambda _, partitions: assigned.extend(partitions))
    try:
        for _ in range(150):
            message = member.poll(0.2)
            if assigned:
                return True
            error = message.error() if message else None
            if error and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                return False
        raise TimeoutError(f"{user} is neither in {group} nor refused")
    finally:
        member.close()


def test_nobody_makes_topics(standing: Broker) -> None:
    client = AdminClient(standing.client(AUTH, PASSWORDS[AUTH]))
    ((_, made),) = client.create_topics([NewTopic("auth.events.mine", 1, 1)]).items()
    with pytest.raises(KafkaException, match=r"[Aa]uthorization"):
        made.result(30)


@pytest.mark.parametrize("user", GROUPS)
def test_who_was_taken_over_administers_nothing(standing: Broker, user: str) -> None:
    """By its own login: topics, what they keep, records, rights, users and other consumers' groups are not its to change."""
    client = AdminClient(standing.client(user, PASSWORDS[user]))
    own = sorted(WRITES[user])[0]
    keeps = ConfigResource(ConfigResource.Type.TOPIC, own)
    keeps.add_incremental_config(ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET))
    rights = AclBinding(
        ResourceType.TOPIC,
        "*",
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    password = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    another = UserScramCredentialUpsertion(STRANGER, password, b"mine now")
    other = next(group for name, group in GROUPS.items() if name != user)
    tried: dict[str, Any] = {
        "deletes a topic that it writes": client.delete_topics([own])[own],
        "lets its records go at once": client.incremental_alter_configs([keeps])[keeps],
        "deletes records": next(iter(client.delete_records([TopicPartition(own, 0, 1)]).values())),
        "gives itself every topic": client.create_acls([rights])[rights],
        "changes another's password": client.alter_user_scram_credentials([another])[STRANGER],
        "ends another's group": client.delete_consumer_groups([other])[other],
    }
    assert client.describe_acls(ANY).result(30) == [], "nor does it see who may what"
    for what, future in tried.items():
        refused = future.exception(30)
        assert isinstance(refused, KafkaException), f"{user} {what}"
        assert re.search(r"(?i)authoriz", str(refused)), f"{user} {what}: {refused}"


def test_the_administrator_may_all_of_it(standing: Broker) -> None:
    """So that it is the rights which refuse, and not a request that no broker takes."""
    admin = standing.admin
    admin.create_topics([NewTopic("spare", 1, 1)])["spare"].result(30)
    assert admin.describe_acls(ANY).result(30)
    admin.delete_topics(["spare"])["spare"].result(30)


def test_a_wrong_password_and_no_tls_come_to_nothing(standing: Broker) -> None:
    for spoiled in ({"sasl.password": "guessed"}, {"security.protocol": "SASL_PLAINTEXT"}):
        settings = {**standing.client(AUTH, PASSWORDS[AUTH]), **spoiled}
        with pytest.raises(KafkaException):
            AdminClient(settings).list_topics(timeout=2)
