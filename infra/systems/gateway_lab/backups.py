"""The databases' dumps: each night to a bucket, by a role that may write there and nothing else."""

from __future__ import annotations

from infra.components.cluster.data_server import OWNER, SCRIPTS, TMP
from infra.components.cluster.dumps import DUMPS, dump, uploader
from infra.components.cluster.jobs import Schedule, Task, TaskArgs
from infra.components.cluster.pods import ConfigFiles, Container, Pod, Resources, Scratch, SecretFiles
from infra.components.cluster.secrets import FOLDER
from infra.deploy_files import deploy_files
from infra.systems.gateway_lab import versions
from infra.systems.gateway_lab.context import SIDECAR, Context, service_host
from infra.systems.gateway_lab.data import CONNECTION, JOBS_WAVE
from infra.systems.gateway_lab.document import DATA_PORTS, MONGODB
from infra.systems.gateway_lab.secrets import BACKUP
from infra.tenant_dumps import DumpsArgs, build_dump_place

SCHEDULE = Schedule(cron="43 3 * * *", time_zone="Asia/Seoul")
RESOURCES = Resources(cpu="50m", memory="128Mi", memory_limit="512Mi")


def build_backups(context: Context) -> None:
    """Register the bucket, the role, and the job that dumps, reads back, and uploads."""
    where = DumpsArgs(
        bucket=context.bucket("backups"),
        keep_days=context.settings.backup_retention_days,
        job=BACKUP,
        description="Dumps of the lab's databases go to their bucket",
    )
    _job(context, build_dump_place(context, where))


def _job(context: Context, role_arn: str) -> None:
    me = context.identity(BACKUP, JOBS_WAVE)
    mounts = {SCRIPTS: "scripts", FOLDER: "secrets", DUMPS: "dumps", TMP: "tmp"}
    postgres = dump("postgres", versions.POSTGRES_IMAGE, CONNECTION, RESOURCES)
    mongo = Container(
        name="mongo",
        image=versions.MONGO_IMAGE,
        command=("sh", f"{SCRIPTS}/mongo-dump.sh"),
        env={
            "SECRETS": FOLDER,
            "DUMPS": DUMPS,
            "MONGO_HOST": service_host(MONGODB),
            "MONGO_PORT": str(DATA_PORTS[MONGODB]),
        },
        mounts=mounts,
        resources=RESOURCES,
    )
    upload = uploader(versions.AWS_CLI_IMAGE, context.region, context.bucket("backups"), RESOURCES)
    Task(
        context.names.logical("data-backup"),
        TaskArgs(
            identity=me,
            pod=Pod(
                first=[postgres, mongo],
                containers=[upload],
                volumes={
                    "scripts": ConfigFiles(config_map=me.name),
                    "secrets": SecretFiles(secret=me.name),
                    "dumps": Scratch(size="10Gi"),
                    "tmp": Scratch(size="64Mi"),
                },
                placement=context.placement(),
                user=OWNER,
                sidecar=SIDECAR,
                restart="Never",
            ),
            files=deploy_files("data/postgres/dump.sh", "data/postgres/upload.sh", "gateway_lab/mongo/mongo-dump.sh"),
            deadline_seconds=3600,
            retries=2,
            schedule=SCHEDULE,
            role_arn=role_arn,
        ),
        context.objects,
    )
