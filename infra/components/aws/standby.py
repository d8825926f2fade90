"""What answers for a host while all that it stands for is away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.aws.bucket import own_bucket
from infra.components.aws.certificates import Certificate
from infra.components.aws.distribution import DistributionArgs, distribute
from infra.components.aws.dns import AliasTarget
from infra.components.aws.static_site import CLOUDFRONT_REGION
from infra.components.component import PlatformComponent
from infra.tags import Tags

PAGE = "standby.json"
TWO_YEARS = 63_072_000
METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")
"""All that CloudFront knows: a client that writes is told to come again too. The bucket lets nobody write."""


@dataclass(frozen=True, kw_only=True)
class StandbyArgs:
    """`body` is the JSON that every request for `host` is answered with, and 503; `retry_after` goes with it, in seconds.

    The host's certificate in the system's own region has put its proof into the zone: this one's is the same.
    """

    prefix: str
    host: str
    bucket: str
    body: str
    retry_after: int
    access_logs: pulumi.Input[str]
    protect: bool
    tags: Tags


class Standby(PlatformComponent):
    """A distribution that needs nothing of the region's load balancer, nodes or cluster: CloudFront, and a bucket with one page.

    Resources: PrivateBucket with an object, Certificate, ResponseHeadersPolicy, OriginAccessControl, Distribution, BucketPolicy.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Standby"
    alias_target: AliasTarget

    def __init__(self, name: str, args: StandbyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        bucket = own_bucket(name, args, self.child)
        aws.s3.BucketObjectv2(
            f"{name}-page",
            bucket=bucket.bucket,
            key=PAGE,
            content=args.body,
            content_type="application/json",
            cache_control="no-store",
            server_side_encryption="AES256",
            opts=self.child,
        )
        certificate = Certificate(
            f"{name}-certificate",
            args.host,
            zone_id=None,
            region=CLOUDFRONT_REGION,
            tags=args.tags,
            opts=self.child,
        )
        distribution = distribute(
            name,
            DistributionArgs(
                prefix=args.prefix,
                label="standby",
                purpose="standby",
                host=args.host,
                bucket=bucket,
                bucket_name=args.bucket,
                certificate_arn=certificate.arn,
                headers_policy_id=_headers(name, args, self.child).id,
                methods=METHODS,
                plain_http="https-only",
                unavailable=PAGE,
                tags=args.tags,
            ),
            self.child,
        )
        self.alias_target = AliasTarget(dns_name=distribution.domain_name, zone_id=distribution.hosted_zone_id)
        self.register_outputs({"domain_name": distribution.domain_name})


def _headers(name: str, args: StandbyArgs, opts: pulumi.ResourceOptions) -> aws.cloudfront.ResponseHeadersPolicy:
    return aws.cloudfront.ResponseHeadersPolicy(
        f"{name}-headers",
        name=f"{args.prefix}-standby-headers",
        comment=f"Answers of {args.host} while it is away",
        security_headers_config={
            "strict_transport_security": {
                "access_control_max_age_sec": TWO_YEARS,
                "include_subdomains": True,
                "preload": True,
                "override": True,
            },
            "content_security_policy": {
                "content_security_policy": "default-src 'none'; frame-ancestors 'none'",
                "override": True,
            },
            "content_type_options": {"override": True},
            "frame_options": {"frame_option": "DENY", "override": True},
            "referrer_policy": {"referrer_policy": "no-referrer", "override": True},
        },
        custom_headers_config={
            "items": [{"header": "retry-after", "value": str(args.retry_after), "override": True}],
        },
        opts=opts,
    )
