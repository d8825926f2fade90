"""PostgreSQL as one pod with its volume, and the job that makes databases on it. Scripts: deploy/data/postgres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.components.cluster.data_server import CONFIG, DATA, OWNER, SCRIPTS, TLS, TMP, DataHome, DataServerArgs
from infra.components.cluster.jobs import TaskArgs
from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import (
    Claimed,
    ConfigFiles,
    Container,
    Pod,
    Resources,
    Scratch,
    SecretFiles,
    Volume,
)
from infra.components.cluster.private_certificates import CA
from infra.components.cluster.secrets import FOLDER
from infra.components.cluster.stateful import StatefulServerArgs
from infra.components.cluster.workload import Port
from infra.deploy_files import deploy_files

READY = ("pg_isready", "--quiet", "--host", "127.0.0.1", "--username", "postgres")


@dataclass(frozen=True, kw_only=True)
class PostgresqlArgs(DataServerArgs):
    """`certificate` is the Secret with the server's own, for TLS; `shared_memory` and `scratch` are sizes."""

    shared_memory: str = "64Mi"
    scratch: str = "128Mi"
    certificate: str | None = None


def postgresql(args: PostgresqlArgs) -> StatefulServerArgs:
    """Passwords by SCRAM, checksums on every page; the Secret of its name has `admin-password`."""
    tls = {} if args.certificate is None else {TLS: "tls"}
    server = Container(
        name="postgresql",
        image=args.image,
        args=("postgres", "-c", f"config_file={CONFIG}/postgresql.conf", "-c", f"hba_file={CONFIG}/pg_hba.conf"),
        env={
            "PGDATA": "/var/lib/postgresql/data/pgdata",
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD_FILE": f"{FOLDER}/admin-password",
            "POSTGRES_INITDB_ARGS": "--data-checksums --auth-host=scram-sha-256 --auth-local=scram-sha-256",
        },
        ports={"postgresql": args.port},
        mounts={
            "/var/lib/postgresql/data": DATA,
            "/var/run/postgresql": "run",
            "/dev/shm": "shared-memory",  # noqa: S108 - PostgreSQL's, not a temporary file
            TMP: "tmp",
            CONFIG: "config",
            FOLDER: "secrets",
            **tls,
        },
        resources=args.resources,
        probes=args.patience.probes(READY),
    )
    volumes: dict[str, Volume] = {
        DATA: Claimed(),
        "run": Scratch(size="16Mi", memory=True),
        "shared-memory": Scratch(size=args.shared_memory, memory=True),
        "tmp": Scratch(size=args.scratch),
        "config": ConfigFiles(config_map=args.identity.name),
        "secrets": SecretFiles(secret=args.identity.name),
    }
    if args.certificate is not None:
        volumes["tls"] = SecretFiles(secret=args.certificate)
    return StatefulServerArgs(
        identity=args.identity,
        pod=Pod(
            containers=[server],
            volumes=volumes,
            placement=args.home.placement,
            user=OWNER,
            sidecar=args.home.sidecar,
            grace_seconds=args.grace_seconds,
        ),
        port=Port(name="postgresql", number=args.port, protocol="tcp"),
        claim=args.claim,
        files=args.files,
        protect=args.home.protect,
    )


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How a job reaches the server, as its administrator: `services` are those that have a database there.

    With `authority`, the Secret with the root of the server's certificate, over TLS alone.
    """

    host: str
    port: int
    services: Sequence[str]
    authority: str | None = None

    @property
    def env(self) -> dict[str, str]:
        """libpq's variables, and those of deploy/data/postgres."""
        tls = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": f"{TLS}/{CA}"} if self.authority else {}
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
            **tls,
            "PGCONNECT_TIMEOUT": "10",
            "SECRETS": FOLDER,
            "SERVICES": " ".join(self.services),
        }


@dataclass(frozen=True, kw_only=True)
class DatabasesArgs:
    """The Secret of the job's name has `admin-password`, and `<service>-password` for each service."""

    identity: Identity
    image: str
    connection: Connection
    resources: Resources
    home: DataHome


def databases(args: DatabasesArgs) -> TaskArgs:
    """A database and a role for each service, made or mended at each sync; the roles' passwords are set again."""
    authority = args.connection.authority
    container = Container(
        name="databases",
        image=args.image,
        command=("sh", f"{SCRIPTS}/databases.sh"),
        env={**args.connection.env, "FILES": SCRIPTS},
        mounts={SCRIPTS: "scripts", FOLDER: "secrets", **({TLS: "authority"} if authority else {}), TMP: "tmp"},
        resources=args.resources,
    )
    volumes: dict[str, Volume] = {
        "scripts": ConfigFiles(config_map=args.identity.name),
        "secrets": SecretFiles(secret=args.identity.name),
    }
    if authority:
        volumes["authority"] = SecretFiles(secret=authority, keys=[CA])
    return TaskArgs(
        identity=args.identity,
        pod=Pod(
            containers=[container],
            volumes={**volumes, "tmp": Scratch(size="16Mi")},
            placement=args.home.placement,
            user=OWNER,
            sidecar=args.home.sidecar,
            restart="Never",
        ),
        files=deploy_files("data/postgres/databases.sh", "data/postgres/databases.sql"),
        deadline_seconds=600,
    )
