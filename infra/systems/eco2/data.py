"""eco2's databases (eco2.md: Data Infrastructure): PostgreSQL with its jobs, and Redis."""

from __future__ import annotations

from dataclasses import replace

import pulumi

from infra.components.cluster.data_server import PROMPT, DataHome, DataServerArgs
from infra.components.cluster.dumps import NightlyArgs, dump, nightly, uploader
from infra.components.cluster.jobs import Schedule, Task
from infra.components.cluster.pods import Resources
from infra.components.cluster.postgresql import Connection, DatabasesArgs, PostgresqlArgs, databases, postgresql
from infra.components.cluster.redis import redis
from infra.components.cluster.stateful import StatefulServer
from infra.deploy_files import deploy_files
from infra.systems.eco2 import versions
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import POSTGRES_PORT, REDIS_PORT, SERVICES
from infra.systems.eco2.placement import STORAGE_CLASS
from infra.systems.eco2.workloads import SIDECAR, identity, placement

WAVE, JOBS_WAVE = -2, -1
BACKUP_SCHEDULE = Schedule(cron="17 3 * * *", time_zone="Asia/Seoul")

POSTGRES_RESOURCES = Resources(cpu="500m", memory="3Gi", memory_limit="5Gi")
REDIS_RESOURCES = Resources(cpu="250m", memory="1536Mi", memory_limit="2560Mi")
TASK_RESOURCES = Resources(cpu="100m", memory="256Mi", memory_limit="1Gi")
SMALL_RESOURCES = Resources(cpu="20m", memory="32Mi", memory_limit="128Mi")

CONNECTION = Connection(host="postgresql.postgres.svc.cluster.local", port=POSTGRES_PORT, services=SERVICES)
"""How the jobs reach PostgreSQL: through the mesh like everybody, as its administrator."""


def build_data(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register both servers, the job that makes the services' databases, and their nightly dump."""
    _postgresql(context, opts)
    _databases(context, opts)
    _backup(context, opts)
    _redis(context, opts)


def _name(context: Context, part: str) -> str:
    return f"{context.names.logical('data')}-{part}"


def _home(context: Context, server: str) -> DataHome:
    """The server's own node."""
    return DataHome(placement=placement(server), sidecar=SIDECAR, storage_class=STORAGE_CLASS, protect=context.protect)


def _postgresql(context: Context, opts: pulumi.ResourceOptions) -> None:
    """PostgreSQL 17 on k8s-postgresql."""
    args = PostgresqlArgs(
        identity=identity("postgresql", WAVE),
        image=versions.POSTGRES_IMAGE,
        port=POSTGRES_PORT,
        resources=POSTGRES_RESOURCES,
        # After a crash the log is replayed first, which may take minutes.
        patience=replace(PROMPT, startup=replace(PROMPT.startup, failures=120)),
        home=_home(context, "postgresql"),
        gib=context.settings.volumes.postgres_gib,
        files=deploy_files("eco2/postgres/postgresql.conf", "eco2/postgres/pg_hba.conf"),
        grace_seconds=120,
        shared_memory="512Mi",
        scratch="256Mi",
    )
    StatefulServer(_name(context, "postgresql"), postgresql(args), opts)


def _databases(context: Context, opts: pulumi.ResourceOptions) -> None:
    """A database and a role for each service."""
    args = DatabasesArgs(
        identity=identity("postgres-databases", JOBS_WAVE),
        image=versions.POSTGRES_IMAGE,
        connection=CONNECTION,
        resources=SMALL_RESOURCES,
        home=_home(context, "postgresql"),
    )
    Task(_name(context, "databases"), databases(args), opts)


def _backup(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Each night every database is dumped, read back, and sent to S3 by a role that may write there and nothing else."""
    args = NightlyArgs(
        identity=identity("postgres-backup", JOBS_WAVE),
        dumpers=[dump("dump", versions.POSTGRES_IMAGE, CONNECTION, TASK_RESOURCES)],
        upload=uploader(versions.AWS_CLI_IMAGE, context.region, context.bucket("postgres-backups"), TASK_RESOURCES),
        room="20Gi",
        home=_home(context, "postgresql"),
        schedule=BACKUP_SCHEDULE,
        deadline_seconds=2 * 3600,
        role_arn=context.role_arn("postgres-backup"),
    )
    Task(_name(context, "backup"), nightly(args), opts)


def _redis(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Redis 7 on k8s-redis."""
    args = DataServerArgs(
        identity=identity("redis", WAVE),
        image=versions.REDIS_IMAGE,
        port=REDIS_PORT,
        resources=REDIS_RESOURCES,
        patience=PROMPT,
        home=_home(context, "redis"),
        gib=context.settings.volumes.redis_gib,
        files=deploy_files("eco2/redis/redis.conf", "eco2/redis/users"),
    )
    StatefulServer(_name(context, "redis"), redis(args, first=SMALL_RESOURCES), opts)
