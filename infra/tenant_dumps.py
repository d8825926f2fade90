"""Where a tenant's dumps go: a bucket, and the dumping job's role, which may write there and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.federation import trust_service_account
from infra.components.aws.iam import Role, RoleArgs, Statement
from infra.tenant import TenantHome


@dataclass(frozen=True, kw_only=True)
class DumpsArgs:
    """`bucket` by its whole name, in which a dump is kept for `keep_days`; `job` is the service account that writes it."""

    bucket: str
    keep_days: int
    job: str
    description: str


def build_dump_place(home: TenantHome, args: DumpsArgs) -> str:
    """Register the bucket and the role, whose ARN is returned."""
    bucket = PrivateBucket(
        home.names.logical("backups"),
        PrivateBucketArgs(
            bucket=args.bucket,
            versioning=True,
            access_logs=home.cluster.aws.access_logs.bucket,
            expire_days=args.keep_days,
            protect=home.protect,
            tags=home.tags,
        ),
    )
    bucket.allow()
    Role(
        home.names.logical("role-backup"),
        RoleArgs(
            prefix=home.names.prefix,
            label="backup",
            description=args.description,
            trust=trust_service_account(
                home.cluster.platform.issuer_provider,
                issuer_host=home.cluster.platform.issuer_host,
                namespace=home.namespace,
                service_account=args.job,
            ),
            policies={
                "backup": (
                    Statement(
                        actions=["s3:PutObject", "s3:AbortMultipartUpload"], resources=[f"arn:aws:s3:::{args.bucket}/*"]
                    ),
                )
            },
            boundary=home.role_boundary,
            tags=home.tags,
        ),
    )
    return f"arn:aws:iam::{home.account}:role/{home.names.prefix}-backup"
