"""The cluster's own alerts on a real Alertmanager, with the configuration that its chart is given: who is told, and how often.

SNS is the embedded cloud's, on loopback; Debian's Alertmanager stands for the chart's, which is newer.
"""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
import yaml
from moto.server import ThreadedMotoServer

from infra.systems.eco2.alertmanager import alarm_topic, alertmanager_config, heartbeat_topic, topic_arn
from infra.systems.eco2.observability import alert_groups
from tests.mesh.processes import Program, wait_until
from tests.ports import free_port
from tests.systems.eco2_objects import context
from tests.tools import required_command

pytestmark = pytest.mark.verify

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
Config = dict[str, Any]
CONTEXT = context()
ALERTS = {
    rule["alert"]: rule["labels"]["severity"]
    for group in alert_groups(CONTEXT)
    for rule in group["rules"]
    if "alert" in rule
}


class Told:
    """SNS with both topics, and a queue that hears each."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._sns, self._sqs = (
            boto3.client(
                service, endpoint_url=url, region_name=CONTEXT.region, aws_access_key_id="a", aws_secret_access_key="b"
            )
            for service in ("sns", "sqs")
        )
        self._queues = {name: self._listen(name) for name in (alarm_topic(CONTEXT), heartbeat_topic(CONTEXT))}
        self.heard: dict[str, list[str]] = {name: [] for name in self._queues}

    def _listen(self, name: str) -> str:
        arn = self._sns.create_topic(Name=name)["TopicArn"]
        assert arn == topic_arn(CONTEXT, name)
        queue: str = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        (of,) = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"].values()
        self._sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=of)
        return queue

    def listen(self) -> dict[str, list[str]]:
        """The subjects that each topic has had so far."""
        for name, queue in self._queues.items():
            for one in self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
                self.heard[name].append(json.loads(one["Body"])["Subject"])
                self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return self.heard


@pytest.fixture
def told() -> Iterator[Told]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Told(f"http://{host}:{port}")
    finally:
        server.stop()


def on_loopback(config: Config, url: str) -> Config:
    """With SNS elsewhere, and without waiting for more of a group."""
    changed = copy.deepcopy(config)
    for receiver in changed["receivers"]:
        for one in receiver.get("sns_configs", ()):
            one["api_url"] = url
    changed["route"]["group_wait"] = "0s"
    return changed


def alertmanager(folder: Path, config: Config) -> tuple[Program, str]:
    path, port = folder / "alertmanager.yml", free_port()
    path.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{port}"
    program = Program(
        [required_command("prometheus-alertmanager"), f"--config.file={path}", f"--storage.path={folder}",
         f"--web.listen-address={address}", "--cluster.listen-address="],
        folder / "alertmanager.log",
        environment=CREDENTIALS,
    )  # fmt: skip

    def ready() -> bool:
        try:
            return urllib3.request("GET", f"http://{address}/-/ready", retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    program.wait(ready)
    return program, f"http://{address}"


def raised(url: str, alerts: Sequence[str]) -> None:
    """As Prometheus says that they are up."""
    body = [
        {
            "labels": {"alertname": one, "severity": ALERTS[one]},
            "annotations": {"summary": f"{one} is up"},
        }
        for one in alerts
    ]
    assert urllib3.request("POST", f"{url}/api/v2/alerts", json=body).status == 200


def heard_of(folder: Path, told: Told, config: Config, alerts: Sequence[str], expected: int) -> dict[str, list[str]]:
    program, url = alertmanager(folder, on_loopback(config, told.url))
    try:
        raised(url, alerts)
        wait_until(lambda: sum(map(len, told.listen().values())) >= expected, "messages")
    except TimeoutError as error:
        raise TimeoutError(f"{error}; told: {told.heard}; the log ends in\n{program.text()[-800:]}") from None
    finally:
        program.stop()
    return told.listen()


def test_alertmanager_takes_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(alertmanager_config(CONTEXT)))
    done = subprocess.run(
        [required_command("amtool"), "check-config", tmp_path / "alertmanager.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_of_the_cluster_arrives_where_the_alarms_do(tmp_path: Path, told: Told) -> None:
    """The Watchdog apart, which arrives on a topic that is only counted."""
    heard = heard_of(tmp_path, told, alertmanager_config(CONTEXT), sorted(ALERTS), len(ALERTS))
    others = sorted(f"FIRING {name} ({severity})" for name, severity in ALERTS.items() if name != "Watchdog")
    assert sorted(heard[alarm_topic(CONTEXT)]) == others
    assert heard[heartbeat_topic(CONTEXT)] == ["Watchdog"]


def test_without_the_route_the_heartbeat_would_wake_people_and_its_switch_would_fall(
    tmp_path: Path, told: Told
) -> None:
    config = alertmanager_config(CONTEXT)
    del config["route"]["routes"][0]
    heard = heard_of(tmp_path, told, config, ["Watchdog"], 1)
    assert heard == {alarm_topic(CONTEXT): ["FIRING Watchdog (none)"], heartbeat_topic(CONTEXT): []}


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "NodeNotReady", "severity": "critical"}, "alarms"),
        ({"alertname": "VolumeFills", "severity": "warning"}, "alarms"),
        ({"alertname": "Watchdog", "severity": "none"}, "heartbeat"),
        ({"alertname": "Other"}, "alarms"),
    ],
)
def test_no_alert_is_without_a_receiver(tmp_path: Path, labels: dict[str, str], receiver: str) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(alertmanager_config(CONTEXT)))
    told = [f"{key}={value}" for key, value in labels.items()]
    done = subprocess.run(
        [required_command("amtool"), "config", "routes", "test", f"--config.file={path}", *told],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == receiver


def test_the_heartbeat_is_said_more_often_than_its_alarm_waits() -> None:
    (beat,) = [one for one in alertmanager_config(CONTEXT)["route"]["routes"] if one["receiver"] == "heartbeat"]
    assert beat["repeat_interval"] == "5m"
    assert topic_arn(CONTEXT, heartbeat_topic(CONTEXT)).endswith(":eco2-prod-heartbeat")
