"""Whose certificates a load balancer believes of its clients."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.aws.bucket import own_bucket
from infra.components.component import PlatformComponent
from infra.names import within_limit
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class TrustStoreArgs:
    """`authorities` are the certificates (PEM) of who may sign clients' certificates; nothing of them is secret."""

    prefix: str
    label: str
    bucket: str
    authorities: str
    access_logs: pulumi.Input[str]
    protect: bool
    tags: Tags


class TrustStore(PlatformComponent):
    """Authorities for mutual TLS at a load balancer.

    Other authorities are another object, which the load balancer takes in place: a listener never stands without any.

    Resources: a PrivateBucket with one object, which the load balancer reads when it takes them in, and a TrustStore.
    """

    pulumi_type: ClassVar[str] = "platform:aws:TrustStore"
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TrustStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        bucket = own_bucket(name, args, self.child)
        bucket.allow()
        bundle = aws.s3.BucketObjectv2(
            f"{name}-authorities",
            bucket=bucket.bucket,
            key=f"{hashlib.sha256(args.authorities.encode()).hexdigest()[:16]}.pem",
            content=args.authorities,
            content_type="application/x-pem-file",
            server_side_encryption="AES256",
            opts=self.child,
        )
        store = aws.lb.TrustStore(
            f"{name}-trust-store",
            name=within_limit(f"{args.prefix}-{args.label}-clients", "trust store"),
            ca_certificates_bundle_s3_bucket=bucket.bucket,
            ca_certificates_bundle_s3_key=bundle.key,
            tags=named(args.tags, f"{args.prefix}-{args.label}-clients"),
            opts=self.child,
        )
        self.arn = store.arn
        self.register_outputs({"arn": self.arn})
