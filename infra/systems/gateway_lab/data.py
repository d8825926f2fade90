"""The data layer (api-gateway-lab.md, "데이터 계층"): PostgreSQL, Redis and MongoDB, as the diagram gives them to the services."""

from __future__ import annotations

from infra.components.cluster.data_server import DATA, OWNER, TMP, UNHURRIED, DataServerArgs
from infra.components.cluster.jobs import Task
from infra.components.cluster.pods import Claimed, ConfigFiles, Container, Pod, Resources, Scratch, SecretFiles
from infra.components.cluster.postgresql import Connection, DatabasesArgs, PostgresqlArgs, databases, postgresql
from infra.components.cluster.redis import redis
from infra.components.cluster.secrets import FOLDER
from infra.components.cluster.stateful import Claim, StatefulServer, StatefulServerArgs
from infra.components.cluster.workload import Port
from infra.deploy_files import deploy_files
from infra.systems.gateway_lab import versions
from infra.systems.gateway_lab.context import SIDECAR, Context, service_host
from infra.systems.gateway_lab.document import DATA_PORTS, MONGODB, ORDER, POSTGRESQL, REDIS, USER
from infra.systems.gateway_lab.secrets import DATABASES

WAVE, JOBS_WAVE = -2, -1
CONNECTION = Connection(host=service_host(POSTGRESQL), port=DATA_PORTS[POSTGRESQL], services=[USER])
SERVER_RESOURCES = Resources(cpu="100m", memory="384Mi", memory_limit="768Mi")
JOB_RESOURCES = Resources(cpu="20m", memory="64Mi", memory_limit="256Mi")
SCRATCH = "128Mi"


def build_data(context: Context) -> None:
    """Register the three servers and the job that makes the user service's database."""
    _postgresql(context)
    _databases(context)
    _redis(context)
    _mongodb(context)


def _postgresql(context: Context) -> None:
    """PostgreSQL 17, of the user service."""
    args = PostgresqlArgs(
        identity=context.identity(POSTGRESQL, WAVE),
        image=versions.POSTGRES_IMAGE,
        port=DATA_PORTS[POSTGRESQL],
        resources=SERVER_RESOURCES,
        patience=UNHURRIED,
        home=context.data_home(SIDECAR),
        gib=context.settings.volumes.postgres_gib,
        files=deploy_files("gateway_lab/postgres/postgresql.conf", "gateway_lab/postgres/pg_hba.conf"),
        scratch=SCRATCH,
    )
    StatefulServer(context.names.logical(f"data-{POSTGRESQL}"), postgresql(args), context.objects)


def _databases(context: Context) -> None:
    """The user service's database and role."""
    args = DatabasesArgs(
        identity=context.identity(DATABASES, JOBS_WAVE),
        image=versions.POSTGRES_IMAGE,
        connection=CONNECTION,
        resources=JOB_RESOURCES,
        home=context.data_home(SIDECAR),
    )
    Task(context.names.logical("data-databases"), databases(args), context.objects)


def _redis(context: Context) -> None:
    """Redis 7, of the product and notification services."""
    args = DataServerArgs(
        identity=context.identity(REDIS, WAVE),
        image=versions.REDIS_IMAGE,
        port=DATA_PORTS[REDIS],
        resources=SERVER_RESOURCES,
        patience=UNHURRIED,
        home=context.data_home(SIDECAR),
        gib=context.settings.volumes.redis_gib,
        files=deploy_files("gateway_lab/redis/redis.conf", "gateway_lab/redis/users"),
    )
    StatefulServer(
        context.names.logical(f"data-{REDIS}"), redis(args, first=JOB_RESOURCES, scratch=SCRATCH), context.objects
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
            "/data/db": DATA,
            "/data/configdb": "configdb",
            "/docker-entrypoint-initdb.d": "config",
            FOLDER: "secrets",
            TMP: "tmp",
        },
        resources=SERVER_RESOURCES,
        probes=UNHURRIED.probes(("mongosh", "--quiet", "--norc", "--eval", "db.adminCommand('ping').ok || quit(1)")),
    )
    StatefulServer(
        context.names.logical(f"data-{MONGODB}"),
        StatefulServerArgs(
            identity=context.identity(MONGODB, WAVE),
            pod=Pod(
                containers=[server],
                volumes={
                    DATA: Claimed(),
                    "tmp": Scratch(size=SCRATCH),
                    "config": ConfigFiles(config_map=MONGODB),
                    "secrets": SecretFiles(secret=MONGODB),
                    "configdb": Scratch(size="16Mi"),
                },
                placement=context.placement(),
                user=OWNER,
                sidecar=SIDECAR,
                grace_seconds=60,
            ),
            port=Port(name="mongodb", number=DATA_PORTS[MONGODB], protocol="tcp"),
            claim=Claim(
                name=DATA,
                storage_class=context.cluster.platform.storage_class,
                gib=context.settings.volumes.mongo_gib,
            ),
            files=deploy_files("gateway_lab/mongo/users.js"),
            protect=context.protect,
        ),
        context.objects,
    )
