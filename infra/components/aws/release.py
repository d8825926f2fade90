"""CodeDeploy: releases to instances behind a load balancer, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags, named

ONE_AT_A_TIME = "CodeDeployDefault.OneAtATime"
FAILURES = ("DeploymentFailure", "DeploymentRollback", "DeploymentStop")
"""The events of a release that people are told of."""


@dataclass(frozen=True, kw_only=True)
class ReleaseTarget:
    """Where one service's releases go; any of `alarms` stops a release and rolls it back."""

    target_group: pulumi.Input[str]
    alarms: Sequence[pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class ReleaseArgs:
    """`services` maps a service's name to its target; all of them run on the instances of one group.

    The role says on `failures_topic_arn` what failed, was stopped or rolled back, and so has to be allowed to.
    """

    prefix: str
    role_arn: pulumi.Input[str]
    group_name: pulumi.Input[str]
    services: Mapping[str, ReleaseTarget]
    failures_topic_arn: pulumi.Input[str]
    tags: Tags


class Release(PlatformComponent):
    """In place, one instance at a time, each out of the load balancer while it changes, rolled back on failure or alarm.

    Resources: an Application `<prefix>-<service>` and a DeploymentGroup `<prefix>-<service>-dg` per service.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Release"
    applications: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.applications = {}
        for service, target in args.services.items():
            full_name = f"{args.prefix}-{service}"
            application = aws.codedeploy.Application(
                f"{name}-{service}",
                name=full_name,
                compute_platform="Server",
                tags=named(args.tags, full_name),
                opts=self.child,
            )
            aws.codedeploy.DeploymentGroup(
                f"{name}-{service}-dg",
                app_name=application.name,
                deployment_group_name=f"{full_name}-dg",
                service_role_arn=args.role_arn,
                deployment_config_name=ONE_AT_A_TIME,
                deployment_style={"deployment_option": "WITH_TRAFFIC_CONTROL", "deployment_type": "IN_PLACE"},
                autoscaling_groups=[args.group_name],
                load_balancer_info={"target_group_infos": [{"name": target.target_group}]},
                auto_rollback_configuration={
                    "enabled": True,
                    "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"],
                },
                alarm_configuration={"enabled": True, "alarms": list(target.alarms)},
                trigger_configurations=[
                    {
                        "trigger_name": "failures",
                        "trigger_events": list(FAILURES),
                        "trigger_target_arn": args.failures_topic_arn,
                    }
                ],
                outdated_instances_strategy="UPDATE",
                tags=named(args.tags, f"{full_name}-dg"),
                opts=self.child,
            )
            self.applications[service] = application.name
        self.register_outputs({"applications": self.applications})
