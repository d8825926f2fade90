"""ImmersiVerse's alerts on the real promtool: each fires when it should, and stays quiet next to it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.systems.immersiverse.document import HOME
from infra.systems.immersiverse.observability import RULES
from tests.tools import required_command

pytestmark = pytest.mark.verify
WHERE = f'namespace="{HOME}"'
ALERTS = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}

CASES: dict[str, tuple[str, str, int, list[dict[str, str]]]] = {
    # What is so: the alert, the series (one sample a minute), the minute, and the labels of what fires then.
    f'a topic that lacks a broker for long|kafka_topic_partition_under_replicated_partition{{{WHERE},topic="t"}}': (
        "KafkaUnderReplicated", "1x20", 6, [{"topic": "t", "severity": "critical"}],
    ),
    f'one that lacked it for two minutes|kafka_topic_partition_under_replicated_partition{{{WHERE},topic="t"}}': (
        "KafkaUnderReplicated", "1 1 0x20", 6, [],
    ),
    f'a group that lags|kafka_consumergroup_lag{{{WHERE},consumergroup="g",topic="t"}}': (
        "KafkaConsumerLags", "1001x20", 11, [{"consumergroup": "g", "topic": "t", "severity": "warning"}],
    ),
    f'a group that lags a little|kafka_consumergroup_lag{{{WHERE},consumergroup="g",topic="t"}}': (
        "KafkaConsumerLags", "1000x20", 11, [],
    ),
    f'a dead letter|kafka_topic_partition_current_offset{{{WHERE},topic="t.dlq"}}': (
        "KafkaDeadLetters", "3 3 4x20", 4, [{"topic": "t.dlq", "severity": "warning"}],
    ),
    f'an event|kafka_topic_partition_current_offset{{{WHERE},topic="t"}}': ("KafkaDeadLetters", "3 3 4x20", 4, []),
    f"no exporter|kafka_brokers{{{WHERE}}}": (
        "KafkaExporterGone", "_x20", 12, [{"severity": "warning"}],
    ),
    f"an exporter|kafka_brokers{{{WHERE}}} ": ("KafkaExporterGone", "3x20", 12, []),
    f"events that wait|auth_outbox_waiting{{{WHERE}}}": ("EventsWait", "101x20", 6, [{"severity": "critical"}]),
    f"events that go out|auth_outbox_waiting{{{WHERE}}} ": ("EventsWait", "100x20", 6, []),
}  # fmt: skip


def test_every_alert_is_tried_both_ways() -> None:
    assert {(alert, bool(fires)) for alert, _, _, fires in CASES.values()} == {
        (alert, up) for alert in ALERTS for up in (True, False)
    }


def test_they_fire_and_stay_quiet(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES.read_text())
    cases = [_case(sentence, *case) for sentence, case in CASES.items()]
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": cases}))
    command: list[str | Path] = [required_command("promtool"), "test", "rules", tmp_path / "cases.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _case(sentence: str, alert: str, values: str, minute: int, fires: list[dict[str, str]]) -> dict[str, Any]:
    name, _, series = sentence.partition("|")
    expected = [{"exp_labels": {"namespace": HOME, **labels}} for labels in fires]
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series.strip(), "values": values}],
        "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": _annotated(alert, expected, values)}],
    }  # fmt: skip


def _annotated(alert: str, expected: list[dict[str, Any]], values: str) -> list[dict[str, Any]]:
    """With the summary as Prometheus fills it in."""
    (summary,) = [
        rule["annotations"]["summary"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if rule["alert"] == alert
    ]
    for one in expected:
        filled = summary.replace("{{ $value }}", values.split("x", maxsplit=1)[0].split(" ", maxsplit=1)[0])
        for label, value in one["exp_labels"].items():
            filled = filled.replace(f"{{{{ $labels.{label} }}}}", value)
        one["exp_annotations"] = {"summary": filled}
    return expected
