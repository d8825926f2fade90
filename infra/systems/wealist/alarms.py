"""What AWS sees, and who is told of it."""

from __future__ import annotations

from infra.components.aws.alarms import Alarm, Alarms, Heartbeat, HeartbeatArgs, heartbeat_name
from infra.components.aws.compute import Fleet
from infra.components.aws.foundation import Foundation, answers_with_errors, has_no_healthy_target, raise_alarms
from infra.components.aws.load_balancer import LoadBalancer
from infra.systems.wealist import document
from infra.systems.wealist.context import Context
from infra.systems.wealist.data import Data


def build_alarms(
    context: Context, foundation: Foundation, balancer: LoadBalancer, backend: Fleet, data: Data
) -> Alarms:
    """Alarms per service, which also stop its release, one for instances that do not come up, two for the database, and
    one for when nothing is heard of Prometheus."""
    alarms: dict[str, Alarm] = {}
    for service, target in document.SERVICES.items():
        alarms[f"{service}-5xx"] = answers_with_errors(f"{service} answers with errors", balancer, target)
        alarms[f"{service}-no-healthy-host"] = has_no_healthy_target(
            f"{service} has no healthy instance", balancer, target
        )
    alarms["backend-too-few"] = Alarm(
        description="Instances do not come up: a release that fails on a new one ends it (docs/adr/0017)",
        namespace="AWS/AutoScaling",
        metric="GroupInServiceInstances",
        dimensions={"AutoScalingGroupName": backend.group_name},
        statistic="Maximum",
        # The group tells it every minute, as long as there is one.
        silence="breaching",
        minutes=15,
        below=context.settings.backend.minimum,
    )
    instance = {"DBInstanceIdentifier": data.database.identifier}
    alarms["database-cpu"] = Alarm(
        description="The database is busy",
        namespace="AWS/RDS",
        metric="CPUUtilization",
        dimensions=instance,
        statistic="Average",
        # RDS reports every minute while the database runs: one that says nothing is down.
        silence="breaching",
        minutes=10,
        above=85,
    )
    alarms["database-storage"] = Alarm(
        description="The database has less than 2 GiB left",
        namespace="AWS/RDS",
        metric="FreeStorageSpace",
        dimensions=instance,
        statistic="Minimum",
        silence="breaching",
        below=2 * 1024**3,
    )
    alarms["prometheus-silent"] = _silence(context, foundation)
    return raise_alarms(context, foundation, alarms, context.settings.alert_email)


def _silence(context: Context, foundation: Foundation) -> Alarm:
    """A dead man's switch: Alertmanager says every five minutes that it is there."""
    heartbeat = Heartbeat(
        context.names.logical("heartbeat"),
        HeartbeatArgs(name=heartbeat_name(context.names.prefix), key_arn=foundation.key.arn, tags=context.tags),
    )
    return heartbeat.silent("Prometheus or Alertmanager is away: no alert of Prometheus would reach anybody")
