"""What AWS sees when the cluster cannot say it itself: a machine that failed, an edge without a gateway.

Alerts on what runs in the cluster are Prometheus' affair.
"""

from __future__ import annotations

from infra.components.aws.alarms import Alarm, Alarms, Heartbeat, HeartbeatArgs
from infra.components.aws.foundation import answers_with_errors, has_no_healthy_target, raise_alarms
from infra.systems.eco2.alertmanager import heartbeat_topic
from infra.systems.eco2.context import Context
from infra.systems.eco2.edge import TARGET, Entrance
from infra.systems.eco2.network import Foundation
from infra.systems.eco2.nodes import Machines


def build_alarms(context: Context, foundation: Foundation, machines: Machines, entrance: Entrance) -> Alarms:
    """An alarm for each of the fourteen, and two for the edge.

    A machine whose hardware fails is moved by EC2 itself (automatic recovery is on unless turned off): the alarm tells.
    """
    alarms = {
        f"{name}-failed": Alarm(
            description=f"{name} fails EC2's status checks",
            namespace="AWS/EC2",
            metric="StatusCheckFailed",
            dimensions={"InstanceId": node.instance_id},
            statistic="Maximum",
            # A machine that is stopped or gone is checked no more.
            silence="breaching",
            above=0,
        )
        for name, node in machines.nodes.items()
    }
    alarms["prometheus-silent"] = _silence(context, foundation)
    alarms["api-5xx"] = answers_with_errors("The API answers with errors", entrance.balancer, TARGET)
    alarms["no-healthy-gateway"] = has_no_healthy_target(
        "The load balancer finds no ready ingress gateway", entrance.balancer, TARGET
    )
    return raise_alarms(context, foundation, alarms, context.settings.alert_email)


def _silence(context: Context, foundation: Foundation) -> Alarm:
    """A dead man's switch: Alertmanager says every five minutes that it is there."""
    heartbeat = Heartbeat(
        context.names.logical("heartbeat"),
        HeartbeatArgs(name=heartbeat_topic(context), key_arn=foundation.key.arn, tags=context.tags),
    )
    return heartbeat.silent("Prometheus or Alertmanager is away: no alert of the cluster would reach anybody")
