"""The database's dumps: each night to a bucket, by a role that may write there and nothing else."""

from __future__ import annotations

from infra.components.cluster.data_server import OWNER
from infra.components.cluster.dumps import dump, uploader
from infra.components.cluster.jobs import Schedule, Task, TaskArgs
from infra.components.cluster.pods import ConfigFiles, Pod, Resources, Scratch, SecretFiles
from infra.components.cluster.private_certificates import CA, server_secret
from infra.deploy_files import deploy_files
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
    me = context.identity(BACKUP, JOBS_WAVE)
    Task(
        context.names.logical("data-backup"),
        TaskArgs(
            identity=me,
            pod=Pod(
                first=[dump("postgres", versions.POSTGRES_IMAGE, CONNECTION, RESOURCES)],
                containers=[uploader(versions.AWS_CLI_IMAGE, context.region, where.bucket, RESOURCES)],
                volumes={
                    "scripts": ConfigFiles(config_map=me.name),
                    "secrets": SecretFiles(secret=me.name),
                    "authority": SecretFiles(secret=server_secret(POSTGRES), keys=[CA]),
                    "dumps": Scratch(size="10Gi"),
                    "tmp": Scratch(size="64Mi"),
                },
                placement=context.placement(),
                user=OWNER,
                sidecar=SIDECAR,
                restart="Never",
            ),
            files=deploy_files("data/postgres/dump.sh", "data/postgres/upload.sh"),
            deadline_seconds=3600,
            retries=2,
            schedule=SCHEDULE,
            role_arn=role_arn,
        ),
        context.objects,
    )
