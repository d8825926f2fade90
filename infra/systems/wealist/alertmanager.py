"""Whom Alertmanager on the monitoring machine tells: the topic of the system's alarms, so that both reach the same people."""

from __future__ import annotations

from typing import Any

from infra.components.alertmanager import ToldBySns
from infra.components.alertmanager import alertmanager_config as told_by_sns
from infra.components.aws.alarms import heartbeat_name, topic_name
from infra.systems.wealist.context import Context

ROLE = "alertmanager"
"""The label of the role whose keys Alertmanager gets; the machine's own becomes it."""


def role_arn(context: Context) -> str:
    return f"arn:aws:iam::{context.account}:role/{context.names.physical(ROLE)}"


def topic_arns(context: Context) -> tuple[str, str]:
    """That of the alarms and that of the heartbeat."""
    alarms, heartbeat = (
        f"arn:aws:sns:{context.region}:{context.account}:{name(context.names.prefix)}"
        for name in (topic_name, heartbeat_name)
    )
    return alarms, heartbeat


def alertmanager_config(context: Context) -> dict[str, Any]:
    alarms, heartbeat = topic_arns(context)
    return told_by_sns(ToldBySns(region=context.region, alarms=alarms, heartbeat=heartbeat))
