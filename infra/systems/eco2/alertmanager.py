"""Whom Alertmanager tells of the cluster's own alerts: the topic of the system's alarms, so that both reach the same people.

A tenant's alerts go by its own route (`needs/alerts.py`), and come here only where it has none.
"""

from __future__ import annotations

from typing import Any

from infra.components.aws.alarms import topic_name
from infra.components.cluster.alerting import TEXT, TITLE
from infra.systems.eco2.context import Context

Values = dict[str, Any]

ROLE, ACCOUNT = "alertmanager", "eco2-alertmanager"
"""Its role in AWS, and the service account that the chart makes for it."""

WATCHDOG = "Watchdog"
"""The alert that is always up: what it is for is to be heard (deploy/eco2/observability/alerts/cluster.yaml)."""


def alarm_topic(context: Context) -> str:
    return topic_name(context.names.prefix)


def heartbeat_topic(context: Context) -> str:
    return f"{context.names.prefix}-heartbeat"


def topic_arn(context: Context, topic: str) -> str:
    return f"arn:aws:sns:{context.region}:{context.account}:{topic}"


def alertmanager_config(context: Context) -> Values:
    """Its configuration: what is critical is said again each hour, all else each day."""
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
                    "matchers": [f'alertname="{WATCHDOG}"'],
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "5m",
                },
                {"receiver": "alarms", "matchers": ['severity="critical"'], "repeat_interval": "1h"},
            ],
        },
        "receivers": [
            {"name": "alarms", "sns_configs": [_told(context, alarm_topic(context), TITLE, TEXT)]},
            {"name": "heartbeat", "sns_configs": [_told(context, heartbeat_topic(context), WATCHDOG, "alive")]},
        ],
    }


def _told(context: Context, topic: str, subject: str, message: str) -> Values:
    return {
        "topic_arn": topic_arn(context, topic),
        "sigv4": {"region": context.region},
        "subject": subject,
        "message": message,
        "send_resolved": True,
    }
