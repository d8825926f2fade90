"""A CloudFront distribution of one private bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from infra.components.aws.bucket import PrivateBucket
from infra.components.aws.cloudfront_policies import CACHING_OPTIMIZED
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class DistributionArgs:
    """`label` is what is served, for names: `<prefix>-<label>`; `purpose` says it in words.

    `certificate_arn` is of us-east-1 and for `host`. With `index`, the root and every path that the bucket does not have answer
    with that page and 200, for an application with a router of its own. With `unavailable`, all answers are
    that page and 503. `plain_http` is what a request without TLS gets.
    """

    prefix: str
    label: str
    purpose: str
    host: str
    bucket: PrivateBucket
    bucket_name: str
    certificate_arn: pulumi.Input[str]
    headers_policy_id: pulumi.Input[str]
    methods: Sequence[str]
    plain_http: Literal["redirect-to-https", "https-only"]
    tags: Tags
    index: str | None = None
    unavailable: str | None = None


def distribute(name: str, args: DistributionArgs, opts: pulumi.ResourceOptions) -> aws.cloudfront.Distribution:
    """Serve the bucket, which this distribution alone may read (OAC, SigV4).

    Resources: OriginAccessControl, Distribution, and the bucket's BucketPolicy.
    """
    access = aws.cloudfront.OriginAccessControl(
        f"{name}-oac",
        name=f"{args.prefix}-{args.label}-oac",
        description=f"CloudFront reads {args.bucket_name}",
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
        opts=opts,
    )
    distribution = aws.cloudfront.Distribution(
        f"{name}-distribution",
        enabled=True,
        comment=f"{args.prefix} {args.purpose}",
        aliases=[args.host],
        default_root_object=args.index,
        http_version="http2and3",
        is_ipv6_enabled=True,
        price_class="PriceClass_200",
        origins=[
            {
                "origin_id": args.label,
                "domain_name": args.bucket.regional_domain_name,
                "origin_access_control_id": access.id,
            }
        ],
        default_cache_behavior={
            "target_origin_id": args.label,
            "viewer_protocol_policy": args.plain_http,
            "allowed_methods": list(args.methods),
            "cached_methods": ["GET", "HEAD"],
            "cache_policy_id": CACHING_OPTIMIZED,
            "response_headers_policy_id": args.headers_policy_id,
            "compress": True,
        },
        custom_error_responses=_errors(args),
        restrictions={"geo_restriction": {"restriction_type": "none"}},
        viewer_certificate={
            "acm_certificate_arn": args.certificate_arn,
            "minimum_protocol_version": "TLSv1.2_2021",
            "ssl_support_method": "sni-only",
        },
        tags=named(args.tags, f"{args.prefix}-{args.label}"),
        opts=opts,
    )
    args.bucket.allow_distribution(distribution.arn)
    return distribution


def _errors(args: DistributionArgs) -> list[aws.cloudfront.DistributionCustomErrorResponseArgs] | None:
    if args.unavailable:
        # S3 says 400 or 405 of a method that the bucket has not, and 5xx while it is away itself.
        return _answered_with(args.unavailable, 503, (400, 403, 404, 405, 500, 501, 502, 503, 504))
    return _answered_with(args.index, 200, (403, 404)) if args.index else None


def _answered_with(
    page: str, status: int, codes: Sequence[int]
) -> list[aws.cloudfront.DistributionCustomErrorResponseArgs]:
    """S3 says 403 of what it does not have, where the reader may not list the bucket."""
    return [
        aws.cloudfront.DistributionCustomErrorResponseArgs(
            error_code=code, response_code=status, response_page_path=f"/{page}", error_caching_min_ttl=10
        )
        for code in codes
    ]
