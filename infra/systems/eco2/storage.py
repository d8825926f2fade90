"""What eco2 keeps in AWS: buckets, image repositories, and the secrets that its machines and pods read.

Source: eco2.md, Data Infrastructure; the secrets are those that its auth flow, its databases and Grafana need.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.parameters import Parameters, ParametersArgs
from infra.components.aws.registry import Registry, RegistryArgs
from infra.settings import Settings
from infra.systems.eco2 import needs, versions
from infra.systems.eco2.bootstrap import Bundle, bundle
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import PROVIDERS, SERVICES
from infra.systems.eco2.identity import Identity
from infra.systems.eco2.network import Foundation
from infra.systems.eco2.secrets import REDIS_USERS, redis_parameter

REPOSITORIES = (*(f"{service}-api" for service in SERVICES), "ext-authz", "celery")
"""The project's own images; all others come from their projects' registries."""

PASSWORD_LENGTH, SIGNING_SECRET_LENGTH = 40, 64


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The bundle that nodes fetch when they start, as made and as published, and where images go."""

    bundle: Bundle
    published: aws.s3.BucketObjectv2
    registry: Registry


def build_storage(context: Context, settings: Settings, foundation: Foundation, identity: Identity) -> Storage:
    """The buckets, the repositories, the parameters, and the bootstrap bundle in its bucket."""
    bootstrap = _bucket(context, foundation, "bootstrap")
    for part in ("etcd-snapshots", "etcd-checksums"):
        _locked_bucket(context, foundation, part)
    _bucket(context, foundation, "postgres-backups", expire_days=context.settings.backups.retention_days)
    for answer in needs.answers(context):
        for part, days in answer.buckets.items():
            _bucket(context, foundation, part, expire_days=days)
    _parameters(context, settings, foundation, identity)
    made = bundle(context)
    return Storage(
        bundle=made,
        published=_publish(context, bootstrap, made),
        registry=Registry(
            context.names.logical("registry"),
            RegistryArgs(
                prefix=context.names.prefix,
                services=_repositories(context),
                protect=context.protect,
                tags=context.tags,
            ),
        ),
    )


def _repositories(context: Context) -> Sequence[str]:
    mirrored = versions.ISTIO_IMAGE_NAMES if context.settings.mesh_images == "registry" else ()
    return (*REPOSITORIES, *(f"istio/{image}" for image in mirrored))


def _locked_bucket(context: Context, foundation: Foundation, part: str) -> None:
    """Each object is written once, locked; apart from the snapshots are their checksums, which a restore compares them with."""
    settings = context.settings.kubernetes
    bucket = _private(context, foundation, part, settings.snapshot_retention_days, locked=True)
    bucket.allow_once_and_locked(settings.snapshot_lock)


def _bucket(context: Context, foundation: Foundation, part: str, expire_days: int | None = None) -> PrivateBucket:
    bucket = _private(context, foundation, part, expire_days)
    bucket.allow()
    return bucket


def _private(
    context: Context, foundation: Foundation, part: str, expire_days: int | None, *, locked: bool | None = None
) -> PrivateBucket:
    return PrivateBucket(
        context.names.logical(part),
        PrivateBucketArgs(
            bucket=context.bucket(part),
            versioning=True,
            access_logs=foundation.logs.bucket,
            expire_days=expire_days,
            object_lock=locked,
            protect=context.protect,
            tags=context.tags,
        ),
    )


def _publish(context: Context, bucket: PrivateBucket, made: Bundle) -> aws.s3.BucketObjectv2:
    """Under a key that is the content's checksum. Older ones stay: a node that is replaced as it was fetches its own again."""
    return aws.s3.BucketObjectv2(
        context.names.logical("bootstrap-bundle"),
        bucket=bucket.bucket,
        key=made.key,
        content_base64=base64.b64encode(made.content).decode(),
        content_type="application/gzip",
        server_side_encryption="AES256",
        opts=pulumi.ResourceOptions(parent=bucket, retain_on_delete=True),
    )


def _generated(context: Context, name: str, length: int) -> pulumi.Output[str]:
    """A secret that no person sets or sees: letters and digits."""
    return random.RandomPassword(context.names.logical(name), length=length, special=False).result


def _parameters(context: Context, settings: Settings, foundation: Foundation, identity: Identity) -> Parameters:
    """What reaches pods through External Secrets. Below `kubernetes/` is what the master makes and keeps: no state has it."""
    oauth = {
        f"oauth/{provider}-client-{part}": settings.secret(f"eco2-{provider}-client-{part}")
        for provider in PROVIDERS
        for part in ("id", "secret")
    }
    databases = {
        f"postgres/{service}-password": _generated(context, f"postgres-{service}-password", PASSWORD_LENGTH)
        for service in SERVICES
    }
    return Parameters(
        context.names.logical("parameters"),
        ParametersArgs(
            path=context.parameter_path,
            key_arn=foundation.key.arn,
            plain={},
            secret={
                "postgres/admin-password": _generated(context, "postgres-admin-password", PASSWORD_LENGTH),
                **databases,
                **{
                    redis_parameter(user): _generated(context, f"redis-{user}-password", PASSWORD_LENGTH)
                    for user in REDIS_USERS
                },
                "jwt/secret": _generated(context, "jwt-secret", SIGNING_SECRET_LENGTH),
                **oauth,
                "grafana/admin-password": _generated(context, "grafana-password", PASSWORD_LENGTH),
            },
            tags=context.tags,
        ),
    )
