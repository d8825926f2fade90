"""Whom Alertmanager tells of the cluster's own alerts: the topic of the system's alarms, so that both reach the same people.

A tenant's alerts go by its own route (`needs/alerts.py`), and come here only where it has none.
"""

from __future__ import annotations

from typing import Any

from infra.components.aws.alarms import topic_name
from infra.components.cluster.alerting import TEXT, TITLE
from infra.needs import Alerts
from infra.systems.eco2.context import Context
from infra.systems.eco2.tenant_names import home

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
    """Its configuration: what is critical is said again each hour, all else each day.

    The operator puts the tenants' routes in front of these, and lets each alert go on to them: one that has a route of its own is
    none of theirs, by its label `namespace`, and none of a tenant's is the heartbeat.
    """
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
                {
                    "receiver": "alarms",
                    "matchers": ['severity="critical"', *_not_the_tenants(context)],
                    "repeat_interval": "1h",
                },
            ],
        },
        "receivers": [
            {"name": "alarms", "sns_configs": [_told(context, alarm_topic(context), TITLE, TEXT)]},
            {"name": "heartbeat", "sns_configs": [_told(context, heartbeat_topic(context), WATCHDOG, "alive")]},
        ],
    }


def _not_the_tenants(context: Context) -> list[str]:
    spaces = [home(one) for one in context.tenants if any(isinstance(need, Alerts) for need in one.needs)]
    return [f'namespace!~"{"|".join(sorted(spaces))}"'] if spaces else []


def _told(context: Context, topic: str, subject: str, message: str) -> Values:
    return {
        "topic_arn": topic_arn(context, topic),
        "sigv4": {"region": context.region},
        "subject": subject,
        "message": message,
        "send_resolved": True,
    }
