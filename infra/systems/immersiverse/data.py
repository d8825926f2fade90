"""The Auth Service's own data (immersiverse-auth.md §1, §6.2, §9.1): PostgreSQL over TLS, and Redis."""

from __future__ import annotations

from pathlib import Path

from infra.components.cluster.jobs import Task, TaskArgs
from infra.components.cluster.pods import (
    Claimed,
    ConfigFiles,
    Container,
    Pod,
    Resources,
    Scratch,
    SecretFiles,
    Volume,
    command_probe,
)
from infra.components.cluster.private_certificates import (
    CA,
    PrivateCertificates,
    PrivateCertificatesArgs,
    server_secret,
)
from infra.components.cluster.stateful import Claim, StatefulServer, StatefulServerArgs
from infra.components.cluster.workload import Port
from infra.systems.immersiverse import versions
from infra.systems.immersiverse.context import (
    DATA_WAVE,
    FOLDER,
    JOBS_WAVE,
    SECRETS_WAVE,
    SIDECAR,
    Context,
    service_host,
)
from infra.systems.immersiverse.document import DATABASES, HOME, POSTGRES, POSTGRES_PORT, REDIS, REDIS_PORT
from infra.systems.immersiverse.secrets import DATABASE

DEPLOY = Path(__file__).parents[3] / "deploy"
OWNER = 999
"""`postgres` and `redis` in the official images."""

CONFIG, SCRIPTS, TLS, TMP = "/etc/server", "/etc/scripts", "/etc/tls", "/tmp"  # noqa: S108 - the pod's own
SERVER = Resources(cpu="100m", memory="384Mi", memory_limit="768Mi")
SMALL = Resources(cpu="20m", memory="64Mi", memory_limit="256Mi")
AUTHORITY = "immersiverse-data"


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


def files(*names: str) -> dict[str, str]:
    """Files below `deploy/`, by their own names."""
    return {Path(name).name: (DEPLOY / name).read_text(encoding="utf-8") for name in names}


def _postgresql(context: Context) -> None:
    """PostgreSQL 17: over the network TLS alone, passwords by SCRAM, checksums on every page."""
    me = context.identity(POSTGRES, DATA_WAVE)
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
            TMP: "tmp",
            CONFIG: "config",
            FOLDER: "secrets",
            TLS: "tls",
        },
        resources=SERVER,
        probes={
            "startupProbe": command_probe(ready, periodSeconds=5, timeoutSeconds=10, failureThreshold=120),
            "livenessProbe": command_probe(ready, periodSeconds=20, timeoutSeconds=10, failureThreshold=6),
            "readinessProbe": command_probe(ready, periodSeconds=10, timeoutSeconds=10, failureThreshold=3),
        },
    )
    volumes: dict[str, Volume] = {
        "data": Claimed(),
        "run": Scratch(size="16Mi", memory=True),
        "shared-memory": Scratch(size="64Mi", memory=True),
        "tmp": Scratch(size="128Mi"),
        "config": ConfigFiles(config_map=me.name),
        "secrets": SecretFiles(secret=me.name),
        "tls": SecretFiles(secret=server_secret(me.name)),
    }
    StatefulServer(
        context.names.logical("data-postgresql"),
        StatefulServerArgs(
            identity=me,
            pod=Pod(
                containers=[server],
                volumes=volumes,
                placement=context.placement(),
                user=OWNER,
                sidecar=SIDECAR,
                grace_seconds=60,
            ),
            port=Port(name="postgresql", number=POSTGRES_PORT, protocol="tcp"),
            claim=Claim(
                name="data",
                storage_class=context.cluster.platform.storage_class,
                gib=context.settings.postgres_gib,
            ),
            files=files("immersiverse/postgres/postgresql.conf", "immersiverse/postgres/pg_hba.conf"),
            protect=context.protect,
        ),
        context.objects,
    )


def _databases(context: Context) -> None:
    """The database and its owner, made or mended at each sync; the password is set again."""
    me = context.identity(DATABASES, JOBS_WAVE)
    container = Container(
        name="databases",
        image=versions.POSTGRES_IMAGE,
        command=("sh", f"{SCRIPTS}/databases.sh"),
        env={
            "PGHOST": service_host(POSTGRES),
            "PGPORT": str(POSTGRES_PORT),
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": f"{TLS}/{CA}",
            "PGCONNECT_TIMEOUT": "10",
            "SECRETS": FOLDER,
            "SERVICES": DATABASE,
            "FILES": SCRIPTS,
        },
        mounts={SCRIPTS: "scripts", FOLDER: "secrets", TLS: "authority", TMP: "tmp"},
        resources=SMALL,
    )
    Task(
        context.names.logical("data-databases"),
        TaskArgs(
            identity=me,
            pod=Pod(
                containers=[container],
                volumes={
                    "scripts": ConfigFiles(config_map=me.name),
                    "secrets": SecretFiles(secret=me.name),
                    "authority": SecretFiles(secret=server_secret(POSTGRES), keys=[CA]),
                    "tmp": Scratch(size="16Mi"),
                },
                placement=context.placement(),
                user=OWNER,
                sidecar=SIDECAR,
                restart="Never",
            ),
            files=files("data/postgres/databases.sh", "data/postgres/databases.sql"),
            deadline_seconds=600,
        ),
        context.objects,
    )


def _redis(context: Context) -> None:
    """Redis 7: what is revoked and what is counted, kept over a restart."""
    me = context.identity(REDIS, DATA_WAVE)
    users, ping = "/run/redis", ("sh", f"{CONFIG}/ping.sh")
    acl = Container(
        name="acl",
        image=versions.REDIS_IMAGE,
        command=("sh", f"{CONFIG}/acl.sh"),
        env={"SECRETS": FOLDER, "USERS": f"{CONFIG}/users", "ACL_FILE": f"{users}/users.acl"},
        mounts={CONFIG: "config", FOLDER: "secrets", users: "users"},
        resources=SMALL,
    )
    server = Container(
        name="redis",
        image=versions.REDIS_IMAGE,
        command=("redis-server", f"{CONFIG}/redis.conf"),
        env={"SECRETS": FOLDER},
        ports={"redis": REDIS_PORT},
        mounts={"/data": "data", CONFIG: "config", FOLDER: "secrets", users: "users", TMP: "tmp"},
        resources=SERVER,
        probes={
            "startupProbe": command_probe(ping, periodSeconds=5, timeoutSeconds=3, failureThreshold=60),
            "livenessProbe": command_probe(ping, periodSeconds=15, timeoutSeconds=5, failureThreshold=6),
            "readinessProbe": command_probe(ping, periodSeconds=5, timeoutSeconds=3, failureThreshold=3),
        },
    )
    StatefulServer(
        context.names.logical("data-redis"),
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
                placement=context.placement(),
                user=OWNER,
                sidecar=SIDECAR,
                grace_seconds=60,
            ),
            port=Port(name="redis", number=REDIS_PORT, protocol="tcp"),
            claim=Claim(
                name="data", storage_class=context.cluster.platform.storage_class, gib=context.settings.redis_gib
            ),
            files=files(
                "immersiverse/redis/redis.conf", "immersiverse/redis/users", "data/redis/acl.sh", "data/redis/ping.sh"
            ),
            protect=context.protect,
        ),
        context.objects,
    )
