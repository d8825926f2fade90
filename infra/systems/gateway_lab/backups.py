"""The databases' dumps: each night to a bucket, by a role that may write there and nothing else."""

from __future__ import annotations

from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.federation import trust_service_account
from infra.components.aws.iam import Role, RoleArgs, Statement
from infra.components.cluster.data_server import OWNER, SCRIPTS, TMP
from infra.components.cluster.dumps import DUMPS, dump, uploader
from infra.components.cluster.jobs import Schedule, Task, TaskArgs
from infra.components.cluster.pods import ConfigFiles, Container, Pod, Resources, Scratch, SecretFiles
from infra.components.cluster.secrets import FOLDER
from infra.deploy_files import deploy_files
from infra.systems.gateway_lab import versions
from infra.systems.gateway_lab.context import SIDECAR, Context, service_host
from infra.systems.gateway_lab.data import CONNECTION, JOBS_WAVE
from infra.systems.gateway_lab.document import DATA_PORTS, HOME, MONGODB
from infra.systems.gateway_lab.secrets import BACKUP

SCHEDULE = Schedule(cron="43 3 * * *", time_zone="Asia/Seoul")
RESOURCES = Resources(cpu="50m", memory="128Mi", memory_limit="512Mi")


def build_backups(context: Context) -> None:
    """Register the bucket, the role, and the job that dumps, reads back, and uploads."""
    bucket = PrivateBucket(
        context.names.logical("backups"),
        PrivateBucketArgs(
            bucket=context.bucket("backups"),
            versioning=True,
            access_logs=context.cluster.aws.access_logs.bucket,
            expire_days=context.settings.backup_retention_days,
            force_destroy=not context.protect,
            protect=context.protect,
            tags=context.tags,
        ),
    )
    bucket.allow()
    _role(context)
    _job(context)


def _role(context: Context) -> None:
    platform = context.cluster.platform
    objects = f"arn:aws:s3:::{context.bucket('backups')}/*"
    Role(
        context.names.logical("role-backup"),
        RoleArgs(
            prefix=context.names.prefix,
            label="backup",
            description="Dumps of the lab's databases go to their bucket",
            trust=trust_service_account(
                platform.issuer_provider,
                issuer_host=platform.issuer_host,
                namespace=HOME,
                service_account=BACKUP,
            ),
            policies={"backup": (Statement(actions=["s3:PutObject", "s3:AbortMultipartUpload"], resources=[objects]),)},
            boundary=context.role_boundary,
            tags=context.tags,
        ),
    )


def _job(context: Context) -> None:
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
            role_arn=f"arn:aws:iam::{context.account}:role/{context.names.prefix}-backup",
        ),
        context.objects,
    )
