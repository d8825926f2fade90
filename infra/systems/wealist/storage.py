"""§7 and §9: the buckets and the image repositories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.foundation import Foundation
from infra.components.aws.registry import Registry, RegistryArgs
from infra.systems.wealist import document
from infra.systems.wealist.context import Context


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The buckets, by what follows the bucket prefix in their names, and the repositories."""

    buckets: Mapping[str, PrivateBucket]
    registry: Registry


def build_storage(context: Context, foundation: Foundation) -> Storage:
    """The documented four buckets, and a repository for each service."""
    registry = Registry(
        context.names.logical("registry"),
        RegistryArgs(
            prefix=context.names.prefix,
            services=tuple(document.SERVICES),
            protect=context.protect,
            tags=context.tags,
        ),
    )
    return Storage(buckets=_buckets(context, foundation), registry=registry)


def _buckets(context: Context, foundation: Foundation) -> dict[str, PrivateBucket]:
    """§9. CodeDeploy takes revisions from a bucket with versions only when asked to; versions are for the way back."""
    buckets = {
        part: PrivateBucket(
            context.names.logical(part),
            PrivateBucketArgs(
                bucket=context.bucket(part),
                versioning=True,
                access_logs=foundation.logs.bucket,
                protect=context.protect,
                tags=context.tags,
            ),
        )
        for part in document.BUCKETS
    }
    for bucket in buckets.values():
        bucket.allow()
    return buckets
