"""What prod renders of Strimzi's kinds, and what Strimzi's operators would make of topics and users on a broker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from rehearsal.recording import Recording
from rehearsal.values import reveal

KINDS = ("Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser")
Manifest = dict[str, Any]


def rendered(recording: Recording) -> list[Manifest]:
    """Every object of Strimzi's."""
    return [
        reveal(each.inputs)
        for each in recording
        if each.type.startswith("kubernetes:kafka.strimzi.io/") and each.type.rpartition(":")[2] in KINDS
    ]


def of_kind(objects: Iterable[Manifest], kind: str) -> list[Manifest]:
    return [one for one in objects if one["kind"] == kind]


def on_one_broker(objects: list[Manifest]) -> list[Manifest]:
    """The same objects, but each topic has one replica, which is enough."""
    return [
        one
        if one["kind"] != "KafkaTopic"
        else {
            **one,
            "spec": {**one["spec"], "replicas": 1, "config": {**one["spec"]["config"], "min.insync.replicas": 1}},
        }
        for one in objects
    ]


def apply(admin: AdminClient, objects: list[Manifest], passwords: dict[str, str]) -> None:
    """Make topics, users and ACLs as they are written."""
    topics = [
        NewTopic(
            one["spec"]["topicName"],
            num_partitions=int(one["spec"]["partitions"]),
            replication_factor=int(one["spec"]["replicas"]),
            config=_texts(one["spec"]["config"]),
        )
        for one in of_kind(objects, "KafkaTopic")
    ]
    _done(admin.create_topics(topics))
    for user, password in passwords.items():
        add_user(admin, user, password)
    _done(admin.create_acls([rule for one in of_kind(objects, "KafkaUser") for rule in _acls(one)]))


def add_user(admin: AdminClient, user: str, password: str) -> None:
    """A SCRAM user who may do nothing yet."""
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    _done(admin.alter_user_scram_credentials([UserScramCredentialUpsertion(user, credential, password.encode())]))


def _acls(user: Manifest) -> list[AclBinding]:
    return [
        AclBinding(
            ResourceType[rule["resource"]["type"].upper()],
            rule["resource"]["name"],
            ResourcePatternType[rule["resource"]["patternType"].upper()],
            f"User:{user['metadata']['name']}",
            rule["host"],
            AclOperation[operation.upper()],
            AclPermissionType[rule["type"].upper()],
        )
        for rule in user["spec"]["authorization"]["acls"]
        for operation in rule["operations"]
    ]


def _texts(config: Manifest) -> dict[str, str]:
    return {key: _text(value) for key, value in config.items()}


def properties(objects: list[Manifest]) -> dict[str, object]:
    """What the Kafka object says to each node, as its properties have it."""
    (kafka,) = of_kind(objects, "Kafka")
    return dict(_texts(kafka["spec"]["kafka"]["config"]))


def _text(value: object) -> str:
    """As a line of properties has it: Pulumi's numbers are all floats."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) else str(value)


def _done(futures: dict[Any, Any]) -> None:
    for future in futures.values():
        future.result(30)
