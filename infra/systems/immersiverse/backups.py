"""The database's dumps: each night to a bucket, by a role that may write there and nothing else."""

from __future__ import annotations

from infra.components.cluster.dumps import NightlyArgs, dump, nightly, uploader
from infra.components.cluster.jobs import Schedule, Task
from infra.components.cluster.pods import Resources, SecretFiles
from infra.components.cluster.private_certificates import CA, server_secret
from infra.systems.immersiverse import versions
from infra.systems.immersiverse.context import JOBS_WAVE, SIDECAR, Context
from infra.systems.immersiverse.data import CONNECTION
from infra.systems.immersiverse.document import BACKUP, POSTGRES
from infra.tenant_dumps import DumpsArgs, build_dump_place

SCHEDULE = Schedule(cron="13 3 * * *", time_zone="Asia/Seoul")
RESOURCES = Resources(cpu="50m", memory="128Mi", memory_limit="512Mi")


def build_backups(context: Context) -> None:
    """Register the bucket, the role, and the job that dumps, reads back, and uploads."""
    where = DumpsArgs(
        bucket=context.bucket("backups"),
        keep_days=context.settings.backup_retention_days,
        job=BACKUP,
        description="Dumps of the Auth Service's database go to their bucket",
    )
    role_arn = build_dump_place(context, where)
    args = NightlyArgs(
        identity=context.identity(BACKUP, JOBS_WAVE),
        dumpers=[dump("postgres", versions.POSTGRES_IMAGE, CONNECTION, RESOURCES)],
        upload=uploader(versions.AWS_CLI_IMAGE, context.region, where.bucket, RESOURCES),
        volumes={"authority": SecretFiles(secret=server_secret(POSTGRES), keys=[CA])},
        room="10Gi",
        placement=context.placement(),
        sidecar=SIDECAR,
        schedule=SCHEDULE,
        deadline_seconds=3600,
        role_arn=role_arn,
    )
    Task(context.names.logical("data-backup"), nightly(args), context.objects)
