"""Strimzi's own classes read what is rendered, and leave no field over."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.systems.eco2.needs.chart_versions import KAFKA_OPERATOR
from infra.systems.immersiverse import versions
from rehearsal.recording import Recording
from tests.kafka.rendered import Manifest, of_kind, rendered
from tests.tools import required_kafka
from tools.kafka_tools import java, version_of

pytestmark = pytest.mark.verify


def test_the_classes_are_of_the_operator_and_the_broker_is_the_one_that_is_run() -> None:
    assert version_of("api") == KAFKA_OPERATOR.version
    assert version_of("kafka_2.13") == versions.KAFKA


def read(objects: list[Manifest]) -> list[str]:
    """What Strimzi's classes say of them: a line each for what they do not take as it is."""
    folder = required_kafka()
    command: list[str | Path] = [
        java(folder),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        f"{folder}/classes:{folder}/model/*",
    ]
    done = subprocess.run(
        [*command, "ReadObjects"], input=json.dumps(objects), capture_output=True, text=True, check=True, timeout=120
    )
    found: list[str] = done.stdout.splitlines()
    last = found.pop()
    assert last == f"read {len(objects)}", done.stdout + done.stderr
    return found


SPOILED: dict[str, tuple[str, Callable[[Manifest], Any], str]] = {
    "a field that there is not": ("Kafka", lambda one: one["kafka"].update(replicas=3), "spec.kafka.replicas: unknown"),
    "a misspelled one": ("KafkaNodePool", lambda one: one.update(jvmOption={}), "spec.jvmOption: unknown"),
    "another type": ("KafkaTopic", lambda one: one.update(partitions="six"), "six"),
    "an unknown operation": (
        "KafkaUser", lambda one: one["authorization"]["acls"][0].update(operations=["Publish"]), "Publish",
    ),
    "an unknown listener": ("Kafka", lambda one: one["kafka"]["listeners"][0].update(type="inner"), "inner"),
}  # fmt: skip


def test_they_leave_nothing_over_and_notice_what_is_spoiled(prod: Recording) -> None:
    """One run for all: what is rendered first, then the same spoiled in one place each."""
    objects = rendered(prod)
    assert {one["kind"] for one in objects} == {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"}
    spoiled = []
    for name, (kind, spoil, _) in SPOILED.items():
        one = copy.deepcopy(of_kind(objects, kind)[0])
        one["metadata"]["name"] = name.replace(" ", "-")
        spoil(one["spec"])
        spoiled.append(one)
    found = read([*objects, *spoiled])
    for name, (_, _, said) in SPOILED.items():
        assert any(name.replace(" ", "-") in line and said in line for line in found), (name, found)
    assert [line for line in found if not any(name.replace(" ", "-") in line for name in SPOILED)] == []
