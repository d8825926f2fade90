"""EC2 instances in an Auto Scaling group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class FleetArgs:
    """`label` is the fleet's name under the prefix. `image_id` is an AMI's id, not the name of a
    parameter that holds it: an instance refresh of such a template cannot be rolled back.

    `user_data` is base64. `instance_profile` is the profile's name. `target_group_arns` get the instances, whose health then
    decides over their life. `cpu_target_percent` is what the fleet scales to hold; `None` keeps it at `minimum`, unless
    `scaled_elsewhere` leaves the number to somebody else. `rolls` replaces the instances when the template changes.
    `metadata_tags` has the metadata service tell the instance's tags, whose keys then cannot hold a slash.
    `group_tags` are further tags of the group alone;
    `after` is what must be there before an instance starts.
    """

    prefix: str
    label: str
    instance_type: str
    image_id: pulumi.Input[str]
    user_data: str
    instance_profile: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    target_group_arns: Sequence[pulumi.Input[str]]
    minimum: int
    maximum: int
    cpu_target_percent: int | None
    volume_gib: int
    tags: Tags
    scaled_elsewhere: bool = False
    rolls: bool = True
    metadata_tags: bool = True
    group_tags: Tags = field(default_factory=dict)
    after: Sequence[pulumi.Resource] = ()


class Fleet(PlatformComponent):
    """Instances without public addresses or SSH keys, IMDSv2 only, on encrypted gp3, replaced one by one on change if it `rolls`.

    Resources: LaunchTemplate, Group, and a Policy (target tracking) when it scales.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Fleet"
    group_name: pulumi.Output[str]
    group_arn: pulumi.Output[str]

    def __init__(self, name: str, args: FleetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        self._full_name = f"{args.prefix}-{args.label}"
        group = self._group(self._template())
        if args.cpu_target_percent is not None:
            self._track_cpu(group, args.cpu_target_percent)
        self.group_name = group.name
        self.group_arn = group.arn
        self.register_outputs({"group_name": self.group_name, "group_arn": self.group_arn})

    def _template(self) -> aws.ec2.LaunchTemplate:
        args = self._args
        tags = named(args.tags, self._full_name)
        return aws.ec2.LaunchTemplate(
            f"{self._name}-template",
            name=f"{self._full_name}-lt",
            description=f"{self._full_name} instances",
            image_id=args.image_id,
            instance_type=args.instance_type,
            user_data=args.user_data,
            update_default_version=True,
            ebs_optimized="true",
            iam_instance_profile={"name": args.instance_profile},
            vpc_security_group_ids=[args.security_group_id],
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                # Containers are one hop further away: the machine's role is not theirs.
                "http_put_response_hop_limit": 1,
                "instance_metadata_tags": "enabled" if args.metadata_tags else "disabled",
            },
            monitoring={"enabled": True},
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_size": args.volume_gib,
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            tag_specifications=[{"resource_type": kind, "tags": tags} for kind in ("instance", "volume")],
            tags=named(args.tags, f"{self._full_name}-lt"),
            opts=self.child,
        )

    def _group(self, template: aws.ec2.LaunchTemplate) -> aws.autoscaling.Group:
        args = self._args
        scales = args.cpu_target_percent is not None or args.scaled_elsewhere
        return aws.autoscaling.Group(
            f"{self._name}-asg",
            name=f"{self._full_name}-asg",
            min_size=args.minimum,
            max_size=args.maximum,
            desired_capacity=args.minimum,
            vpc_zone_identifiers=args.subnet_ids,
            launch_template={
                "id": template.id,
                "version": template.latest_version.apply(lambda version: str(int(version or 0))),
            },
            target_group_arns=args.target_group_arns,
            health_check_type="ELB" if args.target_group_arns else "EC2",
            health_check_grace_period=600,
            default_instance_warmup=300,
            instance_refresh=aws.autoscaling.GroupInstanceRefreshArgs(
                strategy="Rolling",
                preferences=aws.autoscaling.GroupInstanceRefreshPreferencesArgs(
                    min_healthy_percentage=50, auto_rollback=True
                ),
            )
            if args.rolls
            else None,
            enabled_metrics=[
                aws.autoscaling.Metric.GROUP_IN_SERVICE_INSTANCES,
                aws.autoscaling.Metric.GROUP_DESIRED_CAPACITY,
                aws.autoscaling.Metric.GROUP_PENDING_INSTANCES,
            ],
            # Instances install their packages at boot: the first answer may take minutes, and is not this program's to await.
            wait_for_capacity_timeout="0",
            tags=_group_tags(named({**args.tags, **args.group_tags}, self._full_name)),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.after),
                ignore_changes=["desiredCapacity"] if scales else [],
            ),
        )

    def _track_cpu(self, group: aws.autoscaling.Group, percent: int) -> None:
        aws.autoscaling.Policy(
            f"{self._name}-cpu",
            name=f"{self._full_name}-cpu",
            autoscaling_group_name=group.name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration={
                "predefined_metric_specification": {"predefined_metric_type": "ASGAverageCPUUtilization"},
                "target_value": percent,
            },
            opts=self.child,
        )


def _group_tags(tags: Mapping[str, str]) -> list[aws.autoscaling.GroupTagArgs]:
    """Not propagated: the launch template tags the instances."""
    return [
        aws.autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=False) for key, value in tags.items()
    ]
