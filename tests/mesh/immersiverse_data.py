"""The Auth Service's own data as it is rendered, on loopback: PostgreSQL over TLS, and Redis with its users."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.systems.immersiverse.document import REDIS
from tests.deploy.test_database import newest_binaries
from tests.mesh.certificates import Certificate
from tests.mesh.manifests import Manifest, named
from tests.mesh.processes import Program
from tests.ports import free_port
from tests.stacks import ROOT
from tests.tools import required_command

CONFIG = ROOT / "deploy/immersiverse/postgres"
LOCAL = "127.0.0.1"


@dataclass
class Postgres:
    """PostgreSQL with the cluster's own configuration, but for address, port and folders; it can be stopped and started."""

    home: Path
    port: int
    binaries: Path

    def run(self, *command: str | Path, **environment: str) -> None:
        account = "nobody" if os.geteuid() == 0 else None  # initdb refuses root
        where = {"PATH": f"{self.binaries}:/usr/bin:/bin", **environment}
        subprocess.run(
            [str(one) for one in command], user=account, check=True, capture_output=True, cwd=self.home, env=where
        )

    def start(self) -> None:
        options = (
            f"-c config_file={self.home}/postgresql.conf -c hba_file={self.home}/pg_hba.conf -p {self.port} -k {self.home} "
            f"-c listen_addresses={LOCAL} -c shared_buffers=32MB -c fsync=off "
            f"-c ssl_cert_file={self.home}/tls.crt -c ssl_key_file={self.home}/tls.key"
        )
        self.run("pg_ctl", "-D", self.home / "data", "-w", "-l", self.home / "log", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.home / "data", "-m", "immediate", "stop")

    def dump(self, told: Mapping[str, str], folder: Path) -> None:
        """As the nightly job does with these variables, into the folder."""
        secrets = self.home / "secrets"
        secrets.mkdir()
        shutil.copy(self.home / "password", secrets / "admin-password")
        here = {
            "PGPORT": str(self.port), "PGSSLROOTCERT": f"{self.home}/ca.crt", "SECRETS": str(secrets), "DUMPS": str(folder),
        }  # fmt: skip
        where = {"PATH": f"{self.binaries}:/usr/bin:/bin", **told, **here}
        subprocess.run(["sh", ROOT / "deploy/data/postgres/dump.sh"], check=True, capture_output=True, env=where)

    def restore(self, dumped: Path, database: str) -> None:
        """A dump into an empty database."""
        where = ["-h", LOCAL, "-p", str(self.port), "-U", "postgres", "-d", database, "--exit-on-error"]
        subprocess.run(
            [self.binaries / "pg_restore", *where, dumped], check=True, capture_output=True, env=self._admin()
        )

    def psql(self, sql: str, **values: str) -> str:
        """What the administrator gets for a statement, in the service's database; `:'name'` is one of the values."""
        done = subprocess.run(
            self._psql(values), env=self._admin(), input=sql, check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout.strip()

    @contextmanager
    def session(self, **values: str) -> Iterator[Callable[[str], None]]:
        """The administrator's own session, until the end of the block: each call returns when its statement was done."""
        with subprocess.Popen(
            self._psql(values), env=self._admin(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            given, said = process.stdin, process.stdout
            assert given is not None
            assert said is not None

            def run(sql: str) -> None:
                given.write(f"{sql};\n\\echo done\n")
                given.flush()
                while (line := said.readline()) != "done\n":
                    if not line:
                        raise RuntimeError(f"the session ended at {sql}")

            yield run
            given.close()

    def _psql(self, values: Mapping[str, str]) -> list[str]:
        where = ["-h", LOCAL, "-p", str(self.port), "-U", "postgres", "-d", "auth"]
        known = [part for name, value in values.items() for part in ("-v", f"{name}={value}")]
        return [str(self.binaries / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *where, *known]

    def _admin(self) -> dict[str, str]:
        password = (self.home / "password").read_text()
        return {"PATH": "/usr/bin:/bin", "PGPASSWORD": password, "PGSSLMODE": "require", "PGCONNECT_TIMEOUT": "10"}


@contextmanager
def postgres(identity: Certificate, secrets: Path) -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="immersiverse-postgres-") as folder:
        made = Postgres(Path(folder), free_port(), newest_binaries())
        files = {"tls.crt": identity.chain, "tls.key": identity.key, "ca.crt": identity.roots}
        for name in ("postgresql.conf", "pg_hba.conf"):
            files[name] = CONFIG / name
        files["password"] = secrets / "admin-password"
        for name, source in files.items():
            shutil.copy(source, made.home / name)
        for path in (made.home, *made.home.iterdir()):
            path.chmod(0o700 if path.is_dir() else 0o600)
            if os.geteuid() == 0:
                shutil.chown(path, "nobody")
        made.run(
            "initdb", "-D", made.home / "data", "-U", "postgres", f"--pwfile={made.home}/password",
            "--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "-N", "-E", "UTF8",
        )  # fmt: skip
        made.start()
        try:
            subprocess.run(
                ["sh", ROOT / "deploy/data/postgres/databases.sh"], check=True, capture_output=True,
                env={"PATH": f"{made.binaries}:/usr/bin:/bin", "PGHOST": LOCAL, "PGPORT": str(made.port), "PGUSER": "postgres",
                     "PGDATABASE": "postgres", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(identity.roots),
                     "SECRETS": str(secrets), "SERVICES": "auth", "FILES": str(ROOT / "deploy/data/postgres")},
            )  # fmt: skip
            yield made
        finally:
            made.stop()


@dataclass
class Cache:
    """Redis with the ConfigMap's own redis.conf, and the users that its acl.sh made of the ConfigMap's `users`."""

    port: int
    home: Path
    program: Program | None = None

    def start(self) -> None:
        listen: list[str | Path] = [self.home / "redis.conf", "--port", str(self.port), "--bind", LOCAL]
        self.program = Program([required_command("redis-server"), *listen], self.home / "log")
        self.program.wait(lambda: self.cli("probe", "ping") == "PONG")

    def stop(self) -> None:
        if self.program:
            self.program.stop()
            self.program = None

    def cli(self, user: str, *command: str, password: str | None = None) -> str:
        """What redis-cli says, as that user."""
        known = self.password(user) if password is None else password
        done = subprocess.run(
            ["redis-cli", "--no-auth-warning", "--user", user, "-p", str(self.port), *command],
            env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": known}, capture_output=True, text=True, check=False, timeout=20,
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def password(self, user: str) -> str:
        file = self.home / f"secrets/{user}-password"
        return file.read_text() if file.exists() else ""


def redis(folder: Path, stack: ExitStack, objects: list[Manifest]) -> Cache:
    """Started as its pod starts it, but for address, port and folders."""
    home, port = folder / "redis", free_port()
    secrets = home / "secrets"
    secrets.mkdir(parents=True)
    for name, text in named(objects, "ConfigMap", REDIS)["data"].items():
        moved = text.replace("/run/redis/", f"{home}/").replace("dir /data", f"dir {home}")
        (home / name).write_text(moved)
    made = Cache(port, home)
    for line in (home / "users").read_text().splitlines():
        if not line.startswith("#"):
            user = line.split()[0]
            (secrets / f"{user}-password").write_text(f"the password of {user}")
    where = {"SECRETS": str(secrets), "USERS": str(home / "users"), "ACL_FILE": str(home / "users.acl")}
    subprocess.run(["sh", home / "acl.sh"], check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", **where})
    made.start()
    stack.callback(made.stop)
    return made
