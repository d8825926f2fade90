"""Where the services write down what they did. The document gives its pods a role in AWS (IRSA) and does not say what for."""

from __future__ import annotations

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.systems.exchange.context import Context
from infra.systems.exchange.services import AUDIT


def build_audit(context: Context) -> PrivateBucket:
    """The bucket of audit records: each is written once, locked, and goes when its time is over."""
    settings = context.settings.audit
    bucket = PrivateBucket(
        context.names.logical(AUDIT),
        PrivateBucketArgs(
            bucket=context.bucket(AUDIT),
            versioning=True,
            access_logs=context.cluster.aws.access_logs.bucket,
            expire_days=settings.retention_days,
            object_lock=True,
            protect=context.protect,
            tags=context.tags,
        ),
    )
    bucket.allow_once_and_locked(settings.lock)
    return bucket
