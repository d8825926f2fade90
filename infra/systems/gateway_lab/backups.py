"""The databases' dumps: each night to a bucket, by a role that may write there and nothing else."""

from __future__ import annotations

from infra.components.cluster.data_server import SCRIPTS, TMP
from infra.components.cluster.dumps import DUMPS, NightlyArgs, dump, nightly, uploader
from infra.components.cluster.jobs import Schedule, Task
from infra.components.cluster.pods import Container, Resources
from infra.components.cluster.secrets import FOLDER
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
    args = NightlyArgs(
        identity=context.identity(BACKUP, JOBS_WAVE),
        dumpers=[dump("postgres", versions.POSTGRES_IMAGE, CONNECTION, RESOURCES), _mongo()],
        upload=uploader(versions.AWS_CLI_IMAGE, context.region, where.bucket, RESOURCES),
        files=["gateway_lab/mongo/mongo-dump.sh"],
        room="10Gi",
        placement=context.placement(),
        sidecar=SIDECAR,
        schedule=SCHEDULE,
        deadline_seconds=3600,
        role_arn=build_dump_place(context, where),
    )
    Task(context.names.logical("data-backup"), nightly(args), context.objects)


def _mongo() -> Container:
    return Container(
        name="mongo",
        image=versions.MONGO_IMAGE,
        command=("sh", f"{SCRIPTS}/mongo-dump.sh"),
        env={
            "SECRETS": FOLDER,
            "DUMPS": DUMPS,
            "MONGO_HOST": service_host(MONGODB),
            "MONGO_PORT": str(DATA_PORTS[MONGODB]),
        },
        mounts={SCRIPTS: "scripts", FOLDER: "secrets", DUMPS: "dumps", TMP: "tmp"},
        resources=RESOURCES,
    )
