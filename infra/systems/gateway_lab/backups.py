"""The databases' dumps: each night to a bucket, by a role that may write there and nothing else."""

from __future__ import annotations

from infra.components.cluster.data_server import SCRIPTS, TMP
from infra.components.cluster.dumps import DUMPS, dump
from infra.components.cluster.jobs import Schedule
from infra.components.cluster.pods import Container, Resources
from infra.components.cluster.secrets import FOLDER
from infra.systems.gateway_lab import versions
from infra.systems.gateway_lab.context import SIDECAR, Context, service_host
from infra.systems.gateway_lab.data import CONNECTION, JOBS_WAVE
from infra.systems.gateway_lab.document import DATA_PORTS, MONGODB
from infra.systems.gateway_lab.secrets import BACKUP
from infra.tenant_dumps import DumpsArgs, build_dumps

SCHEDULE = Schedule(cron="43 3 * * *", time_zone="Asia/Seoul")
RESOURCES = Resources(cpu="50m", memory="128Mi", memory_limit="512Mi")


def build_backups(context: Context) -> None:
    """Register the dumps of PostgreSQL and of MongoDB."""
    args = DumpsArgs(
        bucket=context.bucket("backups"),
        keep_days=context.settings.backup_retention_days,
        description="Dumps of the lab's databases go to their bucket",
        job=context.identity(BACKUP, JOBS_WAVE),
        schedule=SCHEDULE,
        dumpers=[dump("postgres", versions.POSTGRES_IMAGE, CONNECTION, RESOURCES), _mongo()],
        files=["gateway_lab/mongo/mongo-dump.sh"],
        image=versions.AWS_CLI_IMAGE,
        resources=RESOURCES,
        sidecar=SIDECAR,
    )
    build_dumps(context, args)


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
