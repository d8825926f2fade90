"""The database's dumps: each night to a bucket, by a role that may write there and nothing else."""

from __future__ import annotations

from infra.components.cluster.dumps import dump
from infra.components.cluster.jobs import Schedule
from infra.components.cluster.pods import Resources, SecretFiles
from infra.components.cluster.private_certificates import CA, server_secret
from infra.systems.immersiverse import versions
from infra.systems.immersiverse.context import JOBS_WAVE, SIDECAR, Context
from infra.systems.immersiverse.data import CONNECTION
from infra.systems.immersiverse.document import BACKUP, POSTGRES
from infra.tenant_dumps import DumpsArgs, build_dumps

SCHEDULE = Schedule(cron="13 3 * * *", time_zone="Asia/Seoul")
RESOURCES = Resources(cpu="50m", memory="128Mi", memory_limit="512Mi")


def build_backups(context: Context) -> None:
    """Register the dumps of PostgreSQL, whose server the job knows by its authority."""
    args = DumpsArgs(
        bucket=context.bucket("backups"),
        keep_days=context.settings.backup_retention_days,
        description="Dumps of the Auth Service's database go to their bucket",
        job=context.identity(BACKUP, JOBS_WAVE),
        schedule=SCHEDULE,
        dumpers=[dump("postgres", versions.POSTGRES_IMAGE, CONNECTION, RESOURCES)],
        volumes={"authority": SecretFiles(secret=server_secret(POSTGRES), keys=[CA])},
        image=versions.AWS_CLI_IMAGE,
        resources=RESOURCES,
        sidecar=SIDECAR,
    )
    build_dumps(context, args)
