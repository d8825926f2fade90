"""A tenant's dumps: a bucket, the dumping job's role, which may write there and nothing else, and the job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.federation import trust_service_account
from infra.components.aws.iam import Role, RoleArgs, Statement
from infra.components.cluster.dumps import NightlyArgs, nightly, uploader
from infra.components.cluster.jobs import Schedule, Task
from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import Container, Resources, Volume
from infra.tenant import TenantHome

ROOM = "10Gi"
DEADLINE_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class DumpsArgs:
    """`bucket` by its whole name, in which a dump is kept for `keep_days`; `job` is also the service account that writes it.

    `dumpers`, `volumes` and `files` are as in `NightlyArgs`; `image` and `resources` are of what uploads.
    """

    bucket: str
    keep_days: int
    description: str
    job: Identity
    schedule: Schedule
    dumpers: Sequence[Container]
    image: str
    resources: Resources
    sidecar: Resources
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    files: Sequence[str] = ()


def build_dumps(home: TenantHome, args: DumpsArgs) -> None:
    """Register the bucket, the role, and the job that dumps, reads back, and uploads."""
    _bucket(home, args)
    _role(home, args)
    job = NightlyArgs(
        identity=args.job,
        dumpers=args.dumpers,
        upload=uploader(args.image, home.region, args.bucket, args.resources),
        volumes=args.volumes,
        files=args.files,
        room=ROOM,
        home=home.data_home(args.sidecar),
        schedule=args.schedule,
        deadline_seconds=DEADLINE_SECONDS,
        role_arn=f"arn:aws:iam::{home.account}:role/{home.names.prefix}-backup",
    )
    Task(home.names.logical("data-backup"), nightly(job), home.objects)


def _bucket(home: TenantHome, args: DumpsArgs) -> None:
    PrivateBucket(
        home.names.logical("backups"),
        PrivateBucketArgs(
            bucket=args.bucket,
            versioning=True,
            access_logs=home.cluster.aws.access_logs.bucket,
            expire_days=args.keep_days,
            protect=home.protect,
            tags=home.tags,
        ),
    ).allow()


def _role(home: TenantHome, args: DumpsArgs) -> None:
    writes = Statement(actions=["s3:PutObject", "s3:AbortMultipartUpload"], resources=[f"arn:aws:s3:::{args.bucket}/*"])
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
                service_account=args.job.name,
            ),
            policies={"backup": (writes,)},
            boundary=home.role_boundary,
            tags=home.tags,
        ),
    )
