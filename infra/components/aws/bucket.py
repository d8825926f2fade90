"""Private S3 buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import pulumi
import pulumi_aws as aws

from infra.components.aws.iam import Condition, Statement, policy_document
from infra.components.component import PlatformComponent
from infra.components.joined import joined
from infra.names import within_limit
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """`expire_days` deletes objects of that age. `object_lock` lets objects be locked, which a bucket can only be made with.

    `access_logs` is the bucket that gets the access logs. A bucket that is not protected goes with the objects in it.
    """

    bucket: str
    versioning: bool
    tags: Tags
    protect: bool
    access_logs: pulumi.Input[str] | None = None
    expire_days: int | None = None
    object_lock: bool | None = None


class PrivateBucket(PlatformComponent):
    """A bucket nobody reaches without a grant: public access blocked, no ACLs, TLS only, SSE-S3 (AES-256).

    Who makes one calls `allow` once, with whatever grants there are: only then is there a policy.

    Resources: Bucket, BucketOwnershipControls, BucketPublicAccessBlock, BucketServerSideEncryptionConfiguration,
    BucketVersioning, BucketLifecycleConfiguration, BucketPolicy, and BucketLogging with `access_logs`.
    """

    pulumi_type: ClassVar[str] = "platform:aws:PrivateBucket"
    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]
    regional_domain_name: pulumi.Output[str]
    objects: pulumi.Output[str]

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        self._bucket = aws.s3.Bucket(
            name,
            bucket=within_limit(args.bucket, "bucket"),
            force_destroy=not args.protect,
            object_lock_enabled=args.object_lock,
            tags=named(args.tags, args.bucket),
            opts=self.guarded(args.protect),
        )
        self._block = self._close()
        self._keep()
        if args.access_logs is not None:
            aws.s3.BucketLogging(
                f"{name}-logging",
                bucket=self._bucket.id,
                target_bucket=args.access_logs,
                target_prefix="s3/",
                target_object_key_format={"partitioned_prefix": {"partition_date_source": "EventTime"}},
                opts=self.child,
            )
        self.bucket = self._bucket.bucket
        self.arn = self._bucket.arn
        self.objects = joined(self._bucket.arn, "/*")
        self.regional_domain_name = self._bucket.bucket_regional_domain_name
        self.register_outputs({"bucket": self.bucket, "arn": self.arn, "domain": self.regional_domain_name})

    def _close(self) -> aws.s3.BucketPublicAccessBlock:
        aws.s3.BucketOwnershipControls(
            f"{self._name}-ownership",
            bucket=self._bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=self.child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{self._name}-encryption",
            bucket=self._bucket.id,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=self.child,
        )
        return aws.s3.BucketPublicAccessBlock(
            f"{self._name}-public-access",
            bucket=self._bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.child,
        )

    def _keep(self) -> None:
        """Versions and ages. A bucket that never had versions cannot suspend them: then AWS calls it Disabled."""
        aws.s3.BucketVersioning(
            f"{self._name}-versioning",
            bucket=self._bucket.id,
            versioning_configuration={"status": "Enabled" if self._args.versioning else "Disabled"},
            opts=self.child,
        )
        uploads = aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="abandoned-uploads",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                days_after_initiation=7
            ),
        )
        ages = aws.s3.BucketLifecycleConfigurationRuleArgs(
            id="ages",
            status="Enabled",
            filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
            expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=self._args.expire_days)
            if self._args.expire_days
            else None,
            noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                noncurrent_days=90
            )
            if self._args.versioning
            else None,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{self._name}-lifecycle",
            bucket=self._bucket.id,
            rules=[uploads, *([ages] if self._args.expire_days or self._args.versioning else [])],
            opts=self.child,
        )

    def allow(self, *grants: Statement) -> aws.s3.BucketPolicy:
        """Write the policy: nothing without TLS, and the grants."""
        tls_only = Statement(
            sid="TlsOnly",
            effect="Deny",
            actions=["s3:*"],
            resources=[self.arn, self.objects],
            principals={"AWS": "*"},
            condition={"Bool": {"aws:SecureTransport": "false"}},
        )
        return aws.s3.BucketPolicy(
            f"{self._name}-policy",
            bucket=self._bucket.id,
            policy=policy_document(tls_only, *grants),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._block]),
        )

    def allow_once_and_locked(self, mode: str) -> aws.s3.BucketPolicy:
        """Write the policy: an object is written where there is none, and locked, in this mode of Object Lock."""
        return self.allow(
            self._denied_puts("OnlyOnce", {"Null": {"s3:if-none-match": "true"}}),
            self._denied_puts("OnlyLocked", {"StringNotEquals": {"s3:object-lock-mode": mode.upper()}}),
        )

    def _denied_puts(self, sid: str, condition: Condition) -> Statement:
        return Statement(
            sid=sid,
            effect="Deny",
            actions=["s3:PutObject"],
            resources=[self.objects],
            principals={"AWS": "*"},
            condition=condition,
        )

    def allow_distribution(self, arn: pulumi.Input[str]) -> aws.s3.BucketPolicy:
        """Write the policy: only this CloudFront distribution, which signs with its OAC, reads the objects."""
        return self.allow(
            Statement(
                sid="ThisDistribution",
                actions=["s3:GetObject"],
                resources=[self.objects],
                principals={"Service": "cloudfront.amazonaws.com"},
                condition={"StringEquals": {"aws:SourceArn": arn}},
            )
        )


class KeepsObjects(Protocol):
    """What a component is told of the bucket that it has for itself."""

    @property
    def bucket(self) -> str: ...
    @property
    def access_logs(self) -> pulumi.Input[str]: ...
    @property
    def protect(self) -> bool: ...
    @property
    def tags(self) -> Tags: ...


def own_bucket(component: str, args: KeepsObjects, opts: pulumi.ResourceOptions) -> PrivateBucket:
    """A component's own: what is overwritten there stays for a while."""
    return PrivateBucket(
        f"{component}-bucket",
        PrivateBucketArgs(
            bucket=args.bucket,
            versioning=True,
            access_logs=args.access_logs,
            protect=args.protect,
            tags=args.tags,
        ),
        opts,
    )
