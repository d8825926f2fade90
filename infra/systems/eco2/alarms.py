"""What AWS sees when the cluster cannot say it itself: a machine that failed, an edge without a gateway.

Alerts on what runs in the cluster are Prometheus' affair.
"""

from __future__ import annotations

from infra.components.aws.alarms import Alarm, Alarms, AlarmsArgs
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
    dimensions = {
        "LoadBalancer": entrance.balancer.arn_suffix,
        "TargetGroup": entrance.balancer.target_groups[TARGET].arn_suffix,
    }
    alarms["api-5xx"] = Alarm(
        description="The API answers with errors",
        namespace="AWS/ApplicationELB",
        metric="HTTPCode_Target_5XX_Count",
        dimensions=dimensions,
        statistic="Sum",
        # Counted only while there are errors.
        silence="notBreaching",
        above=10,
    )
    alarms["no-healthy-gateway"] = Alarm(
        description="The load balancer finds no ready ingress gateway",
        namespace="AWS/ApplicationELB",
        metric="HealthyHostCount",
        dimensions=dimensions,
        statistic="Minimum",
        # Without a target in the group nothing is reported.
        silence="breaching",
        below=1,
    )
    return Alarms(
        context.names.logical("alarms"),
        AlarmsArgs(
            prefix=context.names.prefix,
            key_arn=foundation.key.arn,
            alarms=alarms,
            email=context.settings.alert_email,
            tags=context.tags,
        ),
    )
