"""The bucket that a system's access logs go to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.iam import Statement
from infra.components.component import PlatformComponent
from infra.components.joined import joined
from infra.tags import Tags


@dataclass(frozen=True, kw_only=True)
class AccessLogsArgs:
    """Whose logs: load balancers of this region and account, S3 buckets and CloudFront of this account."""

    bucket: str
    region: str
    account: str
    expire_days: int
    protect: bool
    tags: Tags


class AccessLogs(PlatformComponent):
    """A PrivateBucket that the log delivery services, and no one else, may write to: under `alb/`, `s3/` and `cloudfront/`.

    `bucket` and `arn` are known only once the policy is there: who logs to it before is refused.
    Resources: PrivateBucket, BucketPolicy.
    """

    pulumi_type: ClassVar[str] = "platform:aws:AccessLogs"
    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AccessLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        bucket = PrivateBucket(
            name,
            PrivateBucketArgs(
                bucket=args.bucket,
                versioning=False,
                expire_days=args.expire_days,
                protect=args.protect,
                tags=args.tags,
            ),
            self.child,
        )
        policy = bucket.allow(*_deliveries(bucket.arn, args))
        self.bucket = policy.bucket
        self.arn = policy.bucket.apply(lambda made: f"arn:aws:s3:::{made}")
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})


def _deliveries(arn: pulumi.Output[str], args: AccessLogsArgs) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="LoadBalancers",
            actions=["s3:PutObject"],
            resources=[joined(arn, f"/alb/AWSLogs/{args.account}/*")],
            principals={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            condition={
                "ArnLike": {
                    "aws:SourceArn": f"arn:aws:elasticloadbalancing:{args.region}:{args.account}:loadbalancer/*"
                }
            },
        ),
        Statement(
            sid="Buckets",
            actions=["s3:PutObject"],
            resources=[joined(arn, "/s3/*")],
            principals={"Service": "logging.s3.amazonaws.com"},
            condition={"StringEquals": {"aws:SourceAccount": args.account}},
        ),
        Statement(
            sid="Distributions",
            actions=["s3:PutObject"],
            resources=[joined(arn, f"/cloudfront/AWSLogs/{args.account}/*")],
            principals={"Service": "delivery.logs.amazonaws.com"},
            condition={
                "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": args.account},
                "ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{args.account}:delivery-source:*"},
            },
        ),
    )
