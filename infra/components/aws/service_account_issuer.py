"""A self-managed cluster as an identity provider: its keys, published where AWS can read them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi
import pulumi_aws as aws
import pulumi_tls as tls
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.cloudfront_policies import CACHING_OPTIMIZED, SECURITY_HEADERS
from infra.components.aws.dns import AliasTarget
from infra.components.aws.federation import AUDIENCE
from infra.components.component import PlatformComponent
from infra.tags import Tags, named

DISCOVERY_PATH = ".well-known/openid-configuration"
"""Where OpenID Connect has every issuer's description."""

KEYS_PATH = "openid/v1/jwks"
"""Where kube-apiserver has its keys by default."""

CACHE_SECONDS = 300
"""How long a reader keeps the keys: a new one is published that much before the first token is signed with it."""

RSA_BITS = 2048


@dataclass(frozen=True, kw_only=True)
class ServiceAccountIssuerArgs:
    """`https://<host>` is the issuer; the certificate for that host is from us-east-1.

    `keys` names the signing keys, each made once: the first signs, all are published and accepted. To rotate, a new
    name is added at the end, later moved to the front, and the old one removed when its last token has expired.
    """

    prefix: str
    host: str
    bucket: str
    certificate_arn: pulumi.Input[str]
    keys: Sequence[str]
    access_logs: pulumi.Input[str]
    protect: bool
    tags: Tags


class ServiceAccountIssuer(PlatformComponent):
    """Signing keys, and a private bucket with the issuer's two documents that one distribution alone may read (OAC).

    Resources: a PrivateKey per name, PrivateBucket, OriginAccessControl, Distribution, BucketPolicy and two
    BucketObjectv2. `provider` makes the OpenIdConnectProvider.
    """

    pulumi_type: ClassVar[str] = "platform:aws:ServiceAccountIssuer"
    private_key: pulumi.Output[str]
    public_keys: pulumi.Output[str]
    alias_target: AliasTarget

    def __init__(self, name: str, args: ServiceAccountIssuerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        keys = [
            tls.PrivateKey(f"{name}-key-{label}", algorithm="RSA", rsa_bits=RSA_BITS, opts=self.guarded(args.protect))
            for label in args.keys
        ]
        public = pulumi.Output.all(*(key.public_key_pem for key in keys))
        self.private_key = keys[0].private_key_pem
        self.public_keys = public.apply("".join)
        bucket = self._bucket()
        distribution = self._distribution(bucket)
        bucket.allow_distribution(distribution.arn)
        self._published = [
            self._publish(bucket, "discovery", DISCOVERY_PATH, discovery_document(args.host)),
            self._publish(bucket, "keys", KEYS_PATH, public.apply(key_set)),
        ]
        self.alias_target = AliasTarget(dns_name=distribution.domain_name, zone_id=distribution.hosted_zone_id)
        self.register_outputs({"public_keys": self.public_keys})

    def provider(self, *after: pulumi.Resource) -> pulumi.Output[str]:
        """Make IAM's provider for the issuer and give its ARN, once the host's documents and `after`, its DNS, are there.

        AWS trusts CloudFront's certificate by its own store: no thumbprint.
        """
        made = aws.iam.OpenIdConnectProvider(
            f"{self._name}-provider",
            url=f"https://{self._args.host}",
            client_id_lists=[AUDIENCE],
            tags=named(self._args.tags, self._args.host),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*self._published, *after]),
        )
        return made.arn

    def _bucket(self) -> PrivateBucket:
        return PrivateBucket(
            f"{self._name}-bucket",
            PrivateBucketArgs(
                bucket=self._args.bucket,
                versioning=True,
                access_logs=self._args.access_logs,
                force_destroy=not self._args.protect,
                protect=self._args.protect,
                tags=self._args.tags,
            ),
            self.child,
        )

    def _distribution(self, bucket: PrivateBucket) -> aws.cloudfront.Distribution:
        access = aws.cloudfront.OriginAccessControl(
            f"{self._name}-oac",
            name=f"{self._args.prefix}-issuer-oac",
            description=f"CloudFront reads {self._args.bucket}",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=self.child,
        )
        return aws.cloudfront.Distribution(
            f"{self._name}-distribution",
            enabled=True,
            comment=f"{self._args.prefix} service account issuer",
            aliases=[self._args.host],
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_200",
            origins=[
                {
                    "origin_id": "issuer",
                    "domain_name": bucket.regional_domain_name,
                    "origin_access_control_id": access.id,
                }
            ],
            default_cache_behavior={
                "target_origin_id": "issuer",
                "viewer_protocol_policy": "https-only",
                "allowed_methods": ["GET", "HEAD"],
                "cached_methods": ["GET", "HEAD"],
                "cache_policy_id": CACHING_OPTIMIZED,
                "response_headers_policy_id": SECURITY_HEADERS,
                "compress": True,
            },
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={
                "acm_certificate_arn": self._args.certificate_arn,
                "minimum_protocol_version": "TLSv1.2_2021",
                "ssl_support_method": "sni-only",
            },
            tags=named(self._args.tags, f"{self._args.prefix}-issuer"),
            opts=self.child,
        )

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


def key_set(public_keys: Sequence[str]) -> str:
    """The JWKS of RSA public keys in PEM."""
    return json.dumps({"keys": [_web_key(pem) for pem in public_keys]})


def key_id(public_key: str) -> str:
    """The `kid` that Kubernetes writes into the tokens it signs with this key."""
    der = _rsa(public_key).public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _encoded(hashlib.sha256(der).digest())


def _web_key(pem: str) -> dict[str, Any]:
    numbers = _rsa(pem).public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": key_id(pem),
        "n": _encoded(_bytes(numbers.n)),
        "e": _encoded(_bytes(numbers.e)),
    }


def _rsa(pem: str) -> RSAPublicKey:
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("a service account key is an RSA key: AWS takes RS256 only")
    return key


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
