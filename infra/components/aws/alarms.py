"""CloudWatch alarms and where they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import pulumi
import pulumi_aws as aws

from infra.components.aws.iam import Statement
from infra.components.component import PlatformComponent
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Fires when `metric` is over (`above`) or under (`below`) its bound for `minutes` minutes in a row.

    `silence` is what minutes without a value are: "breaching" where the metric is always told while all is well (a state, a
    load), "notBreaching" where it is told only when something happens (a count of errors).
    """

    description: str
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str
    silence: Literal["breaching", "notBreaching"]
    minutes: int = 3
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """`email`, if given, is asked by AWS to confirm that it wants the alarms."""

    prefix: str
    key_arn: pulumi.Input[str]
    alarms: Mapping[str, Alarm]
    email: str | None
    tags: Tags


def topic_name(prefix: str) -> str:
    """What the topic of a system's alarms is called."""
    return f"{prefix}-alarms"


def heartbeat_name(prefix: str) -> str:
    """What the topic of a system's heartbeat is called."""
    return f"{prefix}-heartbeat"


def may_tell(topic_arns: Sequence[str], key_arn: pulumi.Input[str], region: str) -> Sequence[Statement]:
    """To say something on topics, which are encrypted, and do nothing else with them; the key serves that alone."""
    return (
        Statement(actions=["sns:Publish"], resources=topic_arns),
        Statement(
            actions=["kms:GenerateDataKey", "kms:Decrypt"],
            resources=[key_arn],
            condition={"StringEquals": {"kms:ViaService": f"sns.{region}.amazonaws.com"}},
        ),
    )


class Alarms(PlatformComponent):
    """An encrypted topic and the alarms that it tells of. Resources: Topic, TopicSubscription with `email`, MetricAlarms."""

    pulumi_type: ClassVar[str] = "platform:aws:Alarms"
    topic_arn: pulumi.Output[str]
    names: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=topic_name(args.prefix),
            kms_master_key_id=args.key_arn,
            tags=named(args.tags, topic_name(args.prefix)),
            opts=self.child,
        )
        if args.email:
            aws.sns.TopicSubscription(
                f"{name}-email", topic=topic.arn, protocol="email", endpoint=args.email, opts=self.child
            )
        self.topic_arn = topic.arn
        self.names = {
            key: aws.cloudwatch.MetricAlarm(
                f"{name}-{key}",
                name=f"{args.prefix}-{key}",
                alarm_description=alarm.description,
                namespace=alarm.namespace,
                metric_name=alarm.metric,
                dimensions=dict(alarm.dimensions),
                statistic=alarm.statistic,
                period=60,
                evaluation_periods=alarm.minutes,
                comparison_operator="GreaterThanThreshold" if alarm.above is not None else "LessThanThreshold",
                threshold=alarm.above if alarm.above is not None else alarm.below,
                treat_missing_data=alarm.silence,
                alarm_actions=[topic.arn],
                ok_actions=[topic.arn],
                tags=named(args.tags, f"{args.prefix}-{key}"),
                opts=self.child,
            ).name
            for key, alarm in args.alarms.items()
        }
        self.register_outputs({"topic_arn": self.topic_arn})


@dataclass(frozen=True, kw_only=True)
class HeartbeatArgs:
    """The topic's `name`, and the key that encrypts it."""

    name: str
    key_arn: pulumi.Input[str]
    tags: Tags


class Heartbeat(PlatformComponent):
    """A topic on which somebody says that he is there: nobody reads it, an alarm counts what is said. Resources: Topic."""

    pulumi_type: ClassVar[str] = "platform:aws:Heartbeat"
    topic_name: pulumi.Output[str]

    def __init__(self, name: str, args: HeartbeatArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=args.name,
            kms_master_key_id=args.key_arn,
            tags=named(args.tags, args.name),
            opts=self.child,
        )
        self.topic_name = topic.name
        self.register_outputs({"topic_name": self.topic_name})

    def silent(self, description: str, minutes: int = 20) -> Alarm:
        """Nothing was said for so many minutes; it is said every five, and SNS counts every five."""
        return Alarm(
            description=description,
            namespace="AWS/SNS",
            metric="NumberOfMessagesPublished",
            dimensions={"TopicName": self.topic_name},
            statistic="Sum",
            silence="breaching",
            below=1,
            minutes=minutes,
        )
