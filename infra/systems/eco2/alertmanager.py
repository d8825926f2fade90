"""Whom Alertmanager tells of the cluster's own alerts: the topic of the system's alarms, so that both reach the same people.

A tenant's alerts go by its own route (`needs/alerts.py`), and come here only where it has none.
"""

from __future__ import annotations

from typing import Any

from infra.components import alertmanager
from infra.components.aws.alarms import heartbeat_name, topic_name
from infra.needs import Alerts
from infra.systems.eco2.context import Context
from infra.systems.eco2.tenant_names import home

Values = dict[str, Any]

ROLE, ACCOUNT = "alertmanager", "eco2-alertmanager"
"""Its role in AWS, and the service account that the chart makes for it."""


def alarm_topic(context: Context) -> str:
    return topic_name(context.names.prefix)


def heartbeat_topic(context: Context) -> str:
    return heartbeat_name(context.names.prefix)


def topic_arn(context: Context, topic: str) -> str:
    return f"arn:aws:sns:{context.region}:{context.account}:{topic}"


def alertmanager_config(context: Context) -> Values:
    """The operator puts the tenants' routes in front of these, and lets each alert go on to them: one with a route of its own is
    none of theirs, by its label `namespace`, and none of a tenant's is the heartbeat.
    """
    return alertmanager.alertmanager_config(
        alertmanager.ToldBySns(
            region=context.region,
            alarms=topic_arn(context, alarm_topic(context)),
            heartbeat=topic_arn(context, heartbeat_topic(context)),
            others=[home(one) for one in context.tenants if any(isinstance(need, Alerts) for need in one.needs)],
        )
    )
