"""The cluster's own alerts on a real Alertmanager, with the configuration that its chart is given: who is told, and how often."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from infra.systems.eco2.alertmanager import alarm_topic, alertmanager_config, heartbeat_topic, topic_arn
from infra.systems.eco2.observability import alert_groups
from tests.alerts.receivers import Receivers, heard_of, receivers
from tests.systems.eco2_objects import context
from tests.systems.needy import HOME, NEEDY
from tests.tools import required_command

pytestmark = pytest.mark.verify

CONTEXT = context()
ALERTS = {
    rule["alert"]: rule["labels"]["severity"]
    for group in alert_groups(CONTEXT)
    for rule in group["rules"]
    if "alert" in rule
}
ALARMS, HEARTBEAT = f"sns:{alarm_topic(CONTEXT)}", f"sns:{heartbeat_topic(CONTEXT)}"


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Receivers]:
    with receivers(tmp_path, [alarm_topic(CONTEXT), heartbeat_topic(CONTEXT)], "") as all_of_them:
        yield all_of_them


def test_alertmanager_takes_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(alertmanager_config(CONTEXT)))
    done = subprocess.run(
        [required_command("amtool"), "check-config", tmp_path / "alertmanager.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_of_the_cluster_arrives_where_the_alarms_do(tmp_path: Path, told: Receivers) -> None:
    """The Watchdog apart, which arrives on a topic that is only counted."""
    up = [{"alertname": name, "severity": severity} for name, severity in ALERTS.items()]
    heard = heard_of(tmp_path, told, alertmanager_config(CONTEXT), up, len(up))
    others = sorted(f"FIRING {name} ({severity})" for name, severity in ALERTS.items() if name != "Watchdog")
    assert heard == {ALARMS: others, HEARTBEAT: ["Watchdog"]}


def test_without_the_route_the_heartbeat_would_wake_people_and_its_switch_would_fall(
    tmp_path: Path, told: Receivers
) -> None:
    config = alertmanager_config(CONTEXT)
    del config["route"]["routes"][0]
    heard = heard_of(tmp_path, told, config, [{"alertname": "Watchdog", "severity": "none"}], 1)
    assert heard == {ALARMS: ["FIRING Watchdog (none)"]}


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "NodeNotReady", "severity": "critical"}, "alarms"),
        ({"alertname": "VolumeFills", "severity": "warning"}, "alarms"),
        ({"alertname": "Watchdog", "severity": "none"}, "heartbeat"),
        ({"alertname": "Watchdog", "severity": "none", "namespace": HOME}, "alarms"),
        ({"alertname": "VolumeFills", "severity": "critical", "namespace": "redis"}, "alarms"),
        ({"alertname": "Other"}, "alarms"),
    ],
)
def test_no_alert_is_without_a_receiver(tmp_path: Path, labels: dict[str, str], receiver: str) -> None:
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(alertmanager_config(context(NEEDY))))
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
