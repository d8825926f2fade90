"""A single-page application behind CloudFront."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.aws.access_logs import AccessLogs
from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.distribution import DistributionArgs, distribute
from infra.components.aws.dns import AliasTarget
from infra.components.component import PlatformComponent
from infra.components.joined import joined
from infra.tags import Tags

CLOUDFRONT_REGION = "us-east-1"
"""Where CloudFront's certificates and log deliveries live."""

ONE_YEAR = 31_536_000


@dataclass(frozen=True, kw_only=True)
class StaticSiteArgs:
    """`api_host` is where the application's calls go: the content security policy lets the browser reach it. `versioning` keeps
    files that were written over, for a site that no pipeline makes again.
    """

    prefix: str
    bucket: str
    host: str
    api_host: str
    certificate_arn: pulumi.Input[str]
    access_logs: AccessLogs
    protect: bool
    tags: Tags
    versioning: bool = False


class StaticSite(PlatformComponent):
    """A private bucket that one distribution alone may read (OAC, SigV4), with security headers and access logs.

    Unknown paths answer with /index.html, for the application's own router (wealist.md §3).
    Resources: PrivateBucket, OriginAccessControl, ResponseHeadersPolicy, Distribution, BucketPolicy, and
    LogDeliverySource, LogDeliveryDestination and LogDelivery.
    """

    pulumi_type: ClassVar[str] = "platform:aws:StaticSite"
    bucket: PrivateBucket
    distribution_id: pulumi.Output[str]
    distribution_arn: pulumi.Output[str]
    alias_target: AliasTarget

    def __init__(self, name: str, args: StaticSiteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        self.bucket = self._bucket()
        distribution = distribute(
            name,
            DistributionArgs(
                prefix=args.prefix,
                label="frontend",
                purpose="frontend",
                host=args.host,
                bucket=self.bucket,
                bucket_name=args.bucket,
                certificate_arn=args.certificate_arn,
                headers_policy_id=self._security_headers().id,
                methods=("GET", "HEAD", "OPTIONS"),
                plain_http="redirect-to-https",
                index="index.html",
                tags=args.tags,
            ),
            self.child,
        )
        self._log(distribution)
        self.distribution_id = distribution.id
        self.distribution_arn = distribution.arn
        self.alias_target = AliasTarget(dns_name=distribution.domain_name, zone_id=distribution.hosted_zone_id)
        self.register_outputs({"bucket": self.bucket.bucket, "distribution_id": self.distribution_id})

    def _bucket(self) -> PrivateBucket:
        return PrivateBucket(
            f"{self._name}-bucket",
            PrivateBucketArgs(
                bucket=self._args.bucket,
                versioning=self._args.versioning,
                access_logs=self._args.access_logs.bucket,
                protect=self._args.protect,
                tags=self._args.tags,
            ),
            self.child,
        )

    def _security_headers(self) -> aws.cloudfront.ResponseHeadersPolicy:
        api = self._args.api_host
        policy = (
            f"default-src 'self'; connect-src 'self' https://{api} wss://{api}; img-src 'self' data: https:; "
            "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
        )
        return aws.cloudfront.ResponseHeadersPolicy(
            f"{self._name}-headers",
            name=f"{self._args.prefix}-security-headers",
            comment="Security headers of the frontend",
            security_headers_config={
                "strict_transport_security": {
                    "access_control_max_age_sec": ONE_YEAR,
                    "include_subdomains": True,
                    "preload": False,
                    "override": True,
                },
                "content_security_policy": {"content_security_policy": policy, "override": True},
                "content_type_options": {"override": True},
                "frame_options": {"frame_option": "DENY", "override": True},
                "referrer_policy": {"referrer_policy": "strict-origin-when-cross-origin", "override": True},
            },
            opts=self.child,
        )

    def _log(self, distribution: aws.cloudfront.Distribution) -> None:
        """Standard logging v2, which needs no ACLs on the bucket."""
        source = aws.cloudwatch.LogDeliverySource(
            f"{self._name}-log-source",
            name=f"{self._args.prefix}-frontend",
            log_type="ACCESS_LOGS",
            resource_arn=distribution.arn,
            region=CLOUDFRONT_REGION,
            tags=dict(self._args.tags),
            opts=self.child,
        )
        destination = aws.cloudwatch.LogDeliveryDestination(
            f"{self._name}-log-destination",
            name=f"{self._args.prefix}-frontend-s3",
            output_format="json",
            delivery_destination_configuration={
                "destination_resource_arn": joined(self._args.access_logs.arn, "/cloudfront")
            },
            region=CLOUDFRONT_REGION,
            tags=dict(self._args.tags),
            opts=self.child,
        )
        aws.cloudwatch.LogDelivery(
            f"{self._name}-log-delivery",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            region=CLOUDFRONT_REGION,
            tags=dict(self._args.tags),
            opts=self.child,
        )
