"""eco2's databases (eco2.md: Data Infrastructure): PostgreSQL with its jobs, and Redis."""

from __future__ import annotations

from pathlib import Path

import pulumi

from infra.components.cluster.jobs import Schedule, Task, TaskArgs
from infra.components.cluster.pods import (
    Claimed,
    ConfigFiles,
    Container,
    Pod,
    Resources,
    Scratch,
    SecretFiles,
    command_probe,
)
from infra.components.cluster.stateful import Claim, StatefulServer, StatefulServerArgs
from infra.components.cluster.workload import Port
from infra.systems.eco2 import versions
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import POSTGRES_PORT, REDIS_PORT, SERVICES
from infra.systems.eco2.placement import STORAGE_CLASS
from infra.systems.eco2.secrets import FOLDER
from infra.systems.eco2.workloads import SIDECAR, identity, placement

WAVE, JOBS_WAVE = -2, -1
DEPLOY = Path(__file__).parents[3] / "deploy"
USER = 999
"""`postgres` and `redis` in the official images; the AWS CLI runs as anyone."""

CONFIG, SCRIPTS, DUMPS = "/etc/server", "/etc/scripts", "/dumps"
BACKUP_SCHEDULE = Schedule(cron="17 3 * * *", time_zone="Asia/Seoul")

POSTGRES_RESOURCES = Resources(cpu="500m", memory="3Gi", memory_limit="5Gi")
REDIS_RESOURCES = Resources(cpu="250m", memory="1536Mi", memory_limit="2560Mi")
TASK_RESOURCES = Resources(cpu="100m", memory="256Mi", memory_limit="1Gi")
SMALL_RESOURCES = Resources(cpu="20m", memory="32Mi", memory_limit="128Mi")

CONNECTION = {
    "PGHOST": "postgresql.postgres.svc.cluster.local",
    "PGPORT": str(POSTGRES_PORT),
    "PGUSER": "postgres",
    "PGDATABASE": "postgres",
    "PGCONNECT_TIMEOUT": "10",
    "SECRETS": FOLDER,
    "SERVICES": " ".join(SERVICES),
}
"""How the jobs reach PostgreSQL: through the mesh like everybody, as its administrator."""


def build_data(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register both servers, the job that makes the services' databases, and their nightly dump."""
    _postgresql(context, opts)
    _databases(context, opts)
    _backup(context, opts)
    _redis(context, opts)


def _name(context: Context, part: str) -> str:
    return f"{context.names.logical('data')}-{part}"


def _files(folder: str, *names: str) -> dict[str, str]:
    return {name: (DEPLOY / folder / name).read_text(encoding="utf-8") for name in names}


def _postgresql(context: Context, opts: pulumi.ResourceOptions) -> None:
    """PostgreSQL 17 on k8s-postgresql: passwords by SCRAM, checksums on every page."""
    me = identity("postgresql", WAVE)
    ready = ("pg_isready", "--quiet", "--host", "127.0.0.1", "--username", "postgres")
    server = Container(
        name="postgresql",
        image=versions.POSTGRES_IMAGE,
        args=("postgres", "-c", f"config_file={CONFIG}/postgresql.conf", "-c", f"hba_file={CONFIG}/pg_hba.conf"),
        env={
            "PGDATA": "/var/lib/postgresql/data/pgdata",
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD_FILE": f"{FOLDER}/admin-password",
            "POSTGRES_INITDB_ARGS": "--data-checksums --auth-host=scram-sha-256 --auth-local=scram-sha-256",
        },
        ports={"postgresql": POSTGRES_PORT},
        mounts={
            "/var/lib/postgresql/data": "data",
            "/var/run/postgresql": "run",
            "/dev/shm": "shared-memory",  # noqa: S108 - PostgreSQL's, not a temporary file
            "/tmp": "tmp",  # noqa: S108
            CONFIG: "config",
            FOLDER: "secrets",
        },
        resources=POSTGRES_RESOURCES,
        probes={
            # After a crash the log is replayed first, which may take minutes.
            "startupProbe": command_probe(ready, periodSeconds=5, timeoutSeconds=3, failureThreshold=120),
            "livenessProbe": command_probe(ready, periodSeconds=15, timeoutSeconds=5, failureThreshold=6),
            "readinessProbe": command_probe(ready, periodSeconds=5, timeoutSeconds=3, failureThreshold=3),
        },
    )
    StatefulServer(
        _name(context, "postgresql"),
        StatefulServerArgs(
            identity=me,
            pod=Pod(
                containers=[server],
                volumes={
                    "data": Claimed(),
                    "run": Scratch(size="16Mi", memory=True),
                    "shared-memory": Scratch(size="512Mi", memory=True),
                    "tmp": Scratch(size="256Mi"),
                    "config": ConfigFiles(config_map=me.name),
                    "secrets": SecretFiles(secret=me.name),
                },
                placement=placement("postgresql"),
                user=USER,
                sidecar=SIDECAR,
                grace_seconds=120,
            ),
            port=Port(name="postgresql", number=POSTGRES_PORT, protocol="tcp"),
            claim=Claim(name="data", storage_class=STORAGE_CLASS, gib=context.settings.volumes.postgres_gib),
            files=_files("eco2/postgres", "postgresql.conf", "pg_hba.conf"),
            protect=context.protect,
        ),
        opts,
    )


def _databases(context: Context, opts: pulumi.ResourceOptions) -> None:
    """A database and a role for each service, made or mended at each sync; the roles' passwords are set again."""
    me = identity("postgres-databases", JOBS_WAVE)
    container = Container(
        name="databases",
        image=versions.POSTGRES_IMAGE,
        command=("sh", f"{SCRIPTS}/databases.sh"),
        env={**CONNECTION, "FILES": SCRIPTS},
        mounts={SCRIPTS: "scripts", FOLDER: "secrets", "/tmp": "tmp"},  # noqa: S108
        resources=SMALL_RESOURCES,
    )
    Task(
        _name(context, "databases"),
        TaskArgs(
            identity=me,
            pod=Pod(
                containers=[container],
                volumes={
                    "scripts": ConfigFiles(config_map=me.name),
                    "secrets": SecretFiles(secret=me.name),
                    "tmp": Scratch(size="16Mi"),
                },
                placement=placement("postgresql"),
                user=USER,
                sidecar=SIDECAR,
                restart="Never",
            ),
            files=_files("data/postgres", "databases.sh", "databases.sql"),
            deadline_seconds=600,
        ),
        opts,
    )


def _backup(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Each night every database is dumped, read back, and sent to S3 by a role that may write there and nothing else."""
    me = identity("postgres-backup", JOBS_WAVE)
    dump = Container(
        name="dump",
        image=versions.POSTGRES_IMAGE,
        command=("sh", f"{SCRIPTS}/dump.sh"),
        env={**CONNECTION, "DUMPS": DUMPS},
        mounts={SCRIPTS: "scripts", FOLDER: "secrets", DUMPS: "dumps", "/tmp": "tmp"},  # noqa: S108
        resources=TASK_RESOURCES,
    )
    upload = Container(
        name="upload",
        image=versions.AWS_CLI_IMAGE,
        command=("sh", f"{SCRIPTS}/upload.sh"),
        env={
            "AWS_REGION": context.region,
            "AWS_STS_REGIONAL_ENDPOINTS": "regional",
            "BUCKET": context.bucket("postgres-backups"),
            "DUMPS": DUMPS,
            "HOME": "/tmp",  # noqa: S108
        },
        mounts={SCRIPTS: "scripts", DUMPS: "dumps", "/tmp": "tmp"},  # noqa: S108
        resources=TASK_RESOURCES,
    )
    Task(
        _name(context, "backup"),
        TaskArgs(
            identity=me,
            pod=Pod(
                first=[dump],
                containers=[upload],
                volumes={
                    "scripts": ConfigFiles(config_map=me.name),
                    "secrets": SecretFiles(secret=me.name),
                    "dumps": Scratch(size="20Gi"),
                    "tmp": Scratch(size="64Mi"),
                },
                placement=placement("postgresql"),
                user=USER,
                sidecar=SIDECAR,
                restart="Never",
            ),
            files=_files("data/postgres", "dump.sh", "upload.sh"),
            deadline_seconds=2 * 3600,
            retries=2,
            schedule=BACKUP_SCHEDULE,
            role_arn=context.role_arn("postgres-backup"),
        ),
        opts,
    )


def _redis(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Redis 7 on k8s-redis: an append-only file on a volume, and a user a workload, each for its own keys."""
    me = identity("redis", WAVE)
    users = "/run/redis"
    acl = Container(
        name="acl",
        image=versions.REDIS_IMAGE,
        command=("sh", f"{CONFIG}/acl.sh"),
        env={"SECRETS": FOLDER, "USERS": f"{CONFIG}/users", "ACL_FILE": f"{users}/users.acl"},
        mounts={CONFIG: "config", FOLDER: "secrets", users: "users"},
        resources=SMALL_RESOURCES,
    )
    ping = ("sh", f"{CONFIG}/ping.sh")
    server = Container(
        name="redis",
        image=versions.REDIS_IMAGE,
        command=("redis-server", f"{CONFIG}/redis.conf"),
        env={"SECRETS": FOLDER},
        ports={"redis": REDIS_PORT},
        mounts={"/data": "data", CONFIG: "config", FOLDER: "secrets", users: "users", "/tmp": "tmp"},  # noqa: S108
        resources=REDIS_RESOURCES,
        probes={
            "startupProbe": command_probe(ping, periodSeconds=5, timeoutSeconds=3, failureThreshold=60),
            "livenessProbe": command_probe(ping, periodSeconds=15, timeoutSeconds=5, failureThreshold=6),
            "readinessProbe": command_probe(ping, periodSeconds=5, timeoutSeconds=3, failureThreshold=3),
        },
    )
    StatefulServer(
        _name(context, "redis"),
        StatefulServerArgs(
            identity=me,
            pod=Pod(
                first=[acl],
                containers=[server],
                volumes={
                    "data": Claimed(),
                    "users": Scratch(size="1Mi", memory=True),
                    "tmp": Scratch(size="16Mi"),
                    "config": ConfigFiles(config_map=me.name),
                    "secrets": SecretFiles(secret=me.name),
                },
                placement=placement("redis"),
                user=USER,
                sidecar=SIDECAR,
                grace_seconds=60,
            ),
            port=Port(name="redis", number=REDIS_PORT, protocol="tcp"),
            claim=Claim(name="data", storage_class=STORAGE_CLASS, gib=context.settings.volumes.redis_gib),
            files=_files("eco2/redis", "redis.conf", "users") | _files("data/redis", "acl.sh", "ping.sh"),
            protect=context.protect,
        ),
        opts,
    )
