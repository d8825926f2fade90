"""A self-managed cluster as an identity provider: where AWS finds the keys that its control plane publishes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.aws.bucket import PrivateBucket, own_bucket
from infra.components.aws.cloudfront_policies import SECURITY_HEADERS
from infra.components.aws.distribution import DistributionArgs, distribute
from infra.components.aws.dns import AliasTarget
from infra.components.aws.federation import AUDIENCE
from infra.components.component import PlatformComponent
from infra.tags import Tags, named

DISCOVERY_PATH = ".well-known/openid-configuration"
"""Where OpenID Connect has every issuer's description."""

KEYS_PATH = "openid/v1/jwks"
"""Where kube-apiserver has its keys by default; the master publishes what it says there."""

CACHE_SECONDS = 300
"""How long a reader keeps the description."""


@dataclass(frozen=True, kw_only=True)
class ServiceAccountIssuerArgs:
    """`https://<host>` is the issuer; the certificate for that host is from us-east-1."""

    prefix: str
    host: str
    bucket: str
    certificate_arn: pulumi.Input[str]
    access_logs: pulumi.Input[str]
    protect: bool
    tags: Tags


class ServiceAccountIssuer(PlatformComponent):
    """A private bucket with the issuer's two documents that one distribution alone may read (OAC).

    The description is here. The keys are the control plane's, which makes them and publishes the public ones: no state has any.

    Resources: PrivateBucket, OriginAccessControl, Distribution, BucketPolicy and a BucketObjectv2. `provider` makes the
    OpenIdConnectProvider.
    """

    pulumi_type: ClassVar[str] = "platform:aws:ServiceAccountIssuer"
    alias_target: AliasTarget

    def __init__(self, name: str, args: ServiceAccountIssuerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        bucket = own_bucket(name, args, self.child)
        distribution = distribute(
            name,
            DistributionArgs(
                prefix=args.prefix,
                label="issuer",
                purpose="service account issuer",
                host=args.host,
                bucket=bucket,
                bucket_name=args.bucket,
                certificate_arn=args.certificate_arn,
                headers_policy_id=SECURITY_HEADERS,
                methods=("GET", "HEAD"),
                plain_http="https-only",
                tags=args.tags,
            ),
            self.child,
        )
        self._published = self._publish(bucket, "discovery", DISCOVERY_PATH, discovery_document(args.host))
        self.alias_target = AliasTarget(dns_name=distribution.domain_name, zone_id=distribution.hosted_zone_id)
        self.register_outputs({})

    def provider(self, *after: pulumi.Resource) -> pulumi.Output[str]:
        """Make IAM's provider for the issuer and give its ARN, once the host's description and `after`, its DNS, are there.

        AWS trusts CloudFront's certificate by its own store: no thumbprint.
        """
        made = aws.iam.OpenIdConnectProvider(
            f"{self._name}-provider",
            url=f"https://{self._args.host}",
            client_id_lists=[AUDIENCE],
            tags=named(self._args.tags, self._args.host),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._published, *after]),
        )
        return made.arn

    def _publish(
        self, bucket: PrivateBucket, label: str, key: str, content: pulumi.Input[str]
    ) -> aws.s3.BucketObjectv2:
        return aws.s3.BucketObjectv2(
            f"{self._name}-{label}",
            bucket=bucket.bucket,
            key=key,
            content=content,
            content_type="application/json",
            cache_control=f"public, max-age={CACHE_SECONDS}",
            server_side_encryption="AES256",
            opts=self.child,
        )


def discovery_document(host: str) -> str:
    """The issuer's description, with the claims that Kubernetes' tokens have."""
    return json.dumps(
        {
            "issuer": f"https://{host}",
            "jwks_uri": f"https://{host}/{KEYS_PATH}",
            "authorization_endpoint": "urn:kubernetes:programmatic_authorization",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "iss"],
        }
    )
