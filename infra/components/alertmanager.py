"""Alertmanager's configuration where SNS is told: a topic of alarms that people hear, and one of the heartbeat that is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.components.cluster.alerting import TEXT, TITLE

Values = dict[str, Any]

WATCHDOG = "Watchdog"
"""The alert that is always up: what it is for is to be heard."""


@dataclass(frozen=True, kw_only=True)
class ToldBySns:
    """The topics' ARNs; alerts with one of the labels `namespace` of `others` are heard by others, before."""

    region: str
    alarms: str
    heartbeat: str
    others: Sequence[str] = ()


def alertmanager_config(args: ToldBySns) -> Values:
    """What is critical is said again each hour, all else each day."""
    critical = ['severity="critical"', *([f'namespace!~"{"|".join(sorted(args.others))}"'] if args.others else [])]
    return {
        "route": {
            "receiver": "alarms",
            "group_by": ["alertname", "severity"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "24h",
            "routes": [
                {
                    "receiver": "heartbeat",
                    "matchers": [f'alertname="{WATCHDOG}"', 'namespace=""'],
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "5m",
                },
                {"receiver": "alarms", "matchers": critical, "repeat_interval": "1h"},
            ],
        },
        "receivers": [
            {"name": "alarms", "sns_configs": [_told(args.region, args.alarms, TITLE, TEXT)]},
            {"name": "heartbeat", "sns_configs": [_told(args.region, args.heartbeat, WATCHDOG, "alive")]},
        ],
    }


def _told(region: str, topic: str, subject: str, message: str) -> Values:
    return {
        "topic_arn": topic,
        "sigv4": {"region": region},
        "subject": subject,
        "message": message,
        "send_resolved": True,
    }
