"""The Auth Service's own data (immersiverse-auth.md §1, §6.2, §9.1): PostgreSQL over TLS, and Redis."""

from __future__ import annotations

from infra.components.cluster.data_server import PROMPT, UNHURRIED, DataServerArgs
from infra.components.cluster.jobs import Task
from infra.components.cluster.pods import Resources
from infra.components.cluster.postgresql import Connection, DatabasesArgs, PostgresqlArgs, databases, postgresql
from infra.components.cluster.private_certificates import PrivateCertificates, PrivateCertificatesArgs, server_secret
from infra.components.cluster.redis import redis
from infra.components.cluster.stateful import StatefulServer
from infra.deploy_files import deploy_files
from infra.systems.immersiverse import versions
from infra.systems.immersiverse.context import (
    DATA_WAVE,
    JOBS_WAVE,
    SECRETS_WAVE,
    SIDECAR,
    Context,
    service_host,
)
from infra.systems.immersiverse.document import DATABASES, HOME, POSTGRES, POSTGRES_PORT, REDIS, REDIS_PORT
from infra.systems.immersiverse.secrets import DATABASE

SERVER = Resources(cpu="100m", memory="384Mi", memory_limit="768Mi")
SMALL = Resources(cpu="20m", memory="64Mi", memory_limit="256Mi")
AUTHORITY = "immersiverse-data"
CONNECTION = Connection(
    host=service_host(POSTGRES), port=POSTGRES_PORT, services=[DATABASE], authority=server_secret(POSTGRES)
)
"""How jobs reach PostgreSQL."""


def build_data(context: Context) -> None:
    """Register the authority, both servers, and the job that makes the database."""
    PrivateCertificates(
        context.names.logical("data-certificates"),
        PrivateCertificatesArgs(authority=AUTHORITY, namespace=HOME, servers=[POSTGRES], wave=SECRETS_WAVE),
        context.objects,
    )
    _postgresql(context)
    _databases(context)
    _redis(context)


def _postgresql(context: Context) -> None:
    """PostgreSQL 17: over the network TLS alone."""
    args = PostgresqlArgs(
        identity=context.identity(POSTGRES, DATA_WAVE),
        image=versions.POSTGRES_IMAGE,
        port=POSTGRES_PORT,
        resources=SERVER,
        patience=UNHURRIED,
        home=context.data_home(SIDECAR),
        gib=context.settings.postgres_gib,
        files=deploy_files("immersiverse/postgres/postgresql.conf", "immersiverse/postgres/pg_hba.conf"),
        certificate=server_secret(POSTGRES),
    )
    StatefulServer(context.names.logical("data-postgresql"), postgresql(args), context.objects)


def _databases(context: Context) -> None:
    """The database and its owner."""
    args = DatabasesArgs(
        identity=context.identity(DATABASES, JOBS_WAVE),
        image=versions.POSTGRES_IMAGE,
        connection=CONNECTION,
        resources=SMALL,
        home=context.data_home(SIDECAR),
    )
    Task(context.names.logical("data-databases"), databases(args), context.objects)


def _redis(context: Context) -> None:
    """Redis 7: what is revoked and what is counted, kept over a restart."""
    args = DataServerArgs(
        identity=context.identity(REDIS, DATA_WAVE),
        image=versions.REDIS_IMAGE,
        port=REDIS_PORT,
        resources=SERVER,
        patience=PROMPT,
        home=context.data_home(SIDECAR),
        gib=context.settings.redis_gib,
        files=deploy_files("immersiverse/redis/redis.conf", "immersiverse/redis/users"),
    )
    StatefulServer(context.names.logical("data-redis"), redis(args, first=SMALL), context.objects)
