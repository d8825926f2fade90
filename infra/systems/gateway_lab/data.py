"""The data layer (api-gateway-lab.md, "데이터 계층"): PostgreSQL, Redis and MongoDB, as the diagram gives them to the services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from infra.components.cluster.stateful import Claim, StatefulServer, StatefulServerArgs
from infra.components.cluster.workload import Port
from infra.systems.gateway_lab import versions
from infra.systems.gateway_lab.context import FOLDER, SIDECAR, Context, service_host
from infra.systems.gateway_lab.document import DATA_PORTS, MONGODB, ORDER, POSTGRESQL, REDIS, USER
from infra.systems.gateway_lab.secrets import DATABASES

WAVE, JOBS_WAVE = -2, -1
DEPLOY = Path(__file__).parents[3] / "deploy"
OWNER = 999
"""`postgres`, `redis` and `mongodb` in the official images."""

CONFIG, SCRIPTS, TMP = "/etc/server", "/etc/scripts", "/tmp"  # noqa: S108 - the pod's own
CONNECTION = {
    "PGHOST": service_host(POSTGRESQL),
    "PGPORT": str(DATA_PORTS[POSTGRESQL]),
    "PGUSER": "postgres",
    "PGDATABASE": "postgres",
    "PGCONNECT_TIMEOUT": "10",
    "SECRETS": FOLDER,
    "SERVICES": USER,
}
SERVER_RESOURCES = Resources(cpu="100m", memory="384Mi", memory_limit="768Mi")
JOB_RESOURCES = Resources(cpu="20m", memory="64Mi", memory_limit="256Mi")


def build_data(context: Context) -> None:
    """Register the three servers and the job that makes the user service's database."""
    _postgresql(context)
    _databases(context)
    _redis(context)
    _mongodb(context)


def files(*names: str) -> dict[str, str]:
    """Files below `deploy/`, by their own names."""
    return {Path(name).name: (DEPLOY / name).read_text(encoding="utf-8") for name in names}


@dataclass(frozen=True, kw_only=True)
class _Server:
    """One of the three: its container, its protocol's name, its files, its volume's size, and its volumes beside the usual ones."""

    name: str
    container: Container
    protocol: str
    files: Mapping[str, str]
    gib: int
    volumes: Mapping[str, Volume]
    first: Sequence[Container] = ()


def _serve(context: Context, server: _Server) -> None:
    """A StatefulSet of one pod with its volume."""
    StatefulServer(
        context.names.logical(f"data-{server.name}"),
        StatefulServerArgs(
            identity=context.identity(server.name, WAVE),
            pod=Pod(
                first=server.first,
                containers=[server.container],
                volumes={
                    "data": Claimed(),
                    "tmp": Scratch(size="128Mi"),
                    "config": ConfigFiles(config_map=server.name),
                    "secrets": SecretFiles(secret=server.name),
                    **server.volumes,
                },
                placement=context.placement(),
                user=OWNER,
                sidecar=SIDECAR,
                grace_seconds=60,
            ),
            port=Port(name=server.protocol, number=DATA_PORTS[server.name], protocol="tcp"),
            claim=Claim(name="data", storage_class=context.cluster.platform.storage_class, gib=server.gib),
            files=server.files,
            protect=context.protect,
        ),
        context.objects,
    )


def _probes(command: tuple[str, ...]) -> dict[str, Mapping[str, object]]:
    return {
        "startupProbe": command_probe(command, periodSeconds=5, timeoutSeconds=10, failureThreshold=120),
        "livenessProbe": command_probe(command, periodSeconds=20, timeoutSeconds=10, failureThreshold=6),
        "readinessProbe": command_probe(command, periodSeconds=10, timeoutSeconds=10, failureThreshold=3),
    }


def _postgresql(context: Context) -> None:
    """PostgreSQL 17: passwords by SCRAM, checksums on every page."""
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
        ports={"postgresql": DATA_PORTS[POSTGRESQL]},
        mounts={
            "/var/lib/postgresql/data": "data",
            "/var/run/postgresql": "run",
            "/dev/shm": "shared-memory",  # noqa: S108 - PostgreSQL's, not a temporary file
            TMP: "tmp",
            CONFIG: "config",
            FOLDER: "secrets",
        },
        resources=SERVER_RESOURCES,
        probes=_probes(("pg_isready", "--quiet", "--host", "127.0.0.1", "--username", "postgres")),
    )
    _serve(
        context,
        _Server(
            name=POSTGRESQL,
            container=server,
            protocol="postgresql",
            files=files("gateway_lab/postgres/postgresql.conf", "gateway_lab/postgres/pg_hba.conf"),
            gib=context.settings.volumes.postgres_gib,
            volumes={"run": Scratch(size="16Mi", memory=True), "shared-memory": Scratch(size="64Mi", memory=True)},
        ),
    )


def _databases(context: Context) -> None:
    """The user service's database and role, made or mended at each sync; its password is set again."""
    me = context.identity(DATABASES, JOBS_WAVE)
    container = Container(
        name="databases",
        image=versions.POSTGRES_IMAGE,
        command=("sh", f"{SCRIPTS}/databases.sh"),
        env={**CONNECTION, "FILES": SCRIPTS},
        mounts={SCRIPTS: "scripts", FOLDER: "secrets", TMP: "tmp"},
        resources=JOB_RESOURCES,
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


def _users() -> Container:
    """Writes Redis' users, each by its password's digest, before it starts."""
    return Container(
        name="acl",
        image=versions.REDIS_IMAGE,
        command=("sh", f"{CONFIG}/acl.sh"),
        env={"SECRETS": FOLDER, "USERS": f"{CONFIG}/users", "ACL_FILE": "/run/redis/users.acl"},
        mounts={CONFIG: "config", FOLDER: "secrets", "/run/redis": "users"},
        resources=JOB_RESOURCES,
    )


def _redis(context: Context) -> None:
    """Redis 7: an append-only file on a volume, and a user a workload, each for its own keys."""
    server = Container(
        name="redis",
        image=versions.REDIS_IMAGE,
        command=("redis-server", f"{CONFIG}/redis.conf"),
        env={"SECRETS": FOLDER},
        ports={"redis": DATA_PORTS[REDIS]},
        mounts={"/data": "data", CONFIG: "config", FOLDER: "secrets", "/run/redis": "users", TMP: "tmp"},
        resources=SERVER_RESOURCES,
        probes=_probes(("sh", f"{CONFIG}/ping.sh")),
    )
    _serve(
        context,
        _Server(
            name=REDIS,
            container=server,
            protocol="redis",
            files=files(
                "gateway_lab/redis/redis.conf", "gateway_lab/redis/users", "data/redis/acl.sh", "data/redis/ping.sh"
            ),
            gib=context.settings.volumes.redis_gib,
            volumes={"users": Scratch(size="1Mi", memory=True)},
            first=[_users()],
        ),
    )


def _mongodb(context: Context) -> None:
    """MongoDB 8: the administrator and the order service's user are made on the first start; nobody comes in without a password."""
    server = Container(
        name="mongodb",
        image=versions.MONGO_IMAGE,
        args=("mongod", "--auth", "--wiredTigerCacheSizeGB", "0.25"),
        env={
            "HOME": TMP,
            "MONGO_INITDB_ROOT_USERNAME": "admin",
            "MONGO_INITDB_ROOT_PASSWORD_FILE": f"{FOLDER}/admin-password",
            "SECRETS": FOLDER,
            "USERS": ORDER,
        },
        ports={"mongodb": DATA_PORTS[MONGODB]},
        mounts={
            "/data/db": "data",
            "/data/configdb": "configdb",
            "/docker-entrypoint-initdb.d": "config",
            FOLDER: "secrets",
            TMP: "tmp",
        },
        resources=SERVER_RESOURCES,
        probes=_probes(("mongosh", "--quiet", "--norc", "--eval", "db.adminCommand('ping').ok || quit(1)")),
    )
    _serve(
        context,
        _Server(
            name=MONGODB,
            container=server,
            protocol="mongodb",
            files=files("gateway_lab/mongo/users.js"),
            gib=context.settings.volumes.mongo_gib,
            volumes={"configdb": Scratch(size="16Mi")},
        ),
    )
