"""deploy/eco2/{postgres,redis} and deploy/data, which others share: the scripts with stand-ins, all of it on real servers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.systems.eco2.document import SERVICES
from tests.deploy.pretend_machine import NASTY, REPOSITORY
from tests.deploy.test_database import newest_binaries
from tests.ports import free_port
from tests.tools import required_command

POSTGRES = REPOSITORY / "deploy/eco2/postgres"
REDIS = REPOSITORY / "deploy/eco2/redis"
OWN = {
    "ext-authz": "blacklist:x",
    "auth-api": "auth:x",
    "celery-storage": "storage:x",
    "celery-ai": "ai:x",
    "probe": None,
}
"""A key of each user's own."""
SHARED = REPOSITORY / "deploy/data"
DATABASES = SHARED / "postgres"
SCRIPTS = sorted(SHARED.rglob("*.sh"))

Done = subprocess.CompletedProcess[str]


def sh(script: Path, *, path: str = "/usr/bin:/bin", **environment: str) -> Done:
    """Run as the container does: `sh`, which is dash on Debian, with the named environment and nothing else."""
    return subprocess.run(
        ["sh", str(script)],
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def mounted(folder: Path) -> Path:
    """A folder as a Secret is mounted, with values that break careless quoting."""
    folder.mkdir()
    for name in ("admin", *SERVICES):
        (folder / f"{name}-password").write_text(f"{NASTY}{name}")
    for user in OWN:
        (folder / f"{user}-password").write_text(f"{NASTY}{user}\n")
    return folder


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return mounted(tmp_path / "secrets")


def test_shellcheck_finds_nothing() -> None:
    beside = Path(REPOSITORY / ".venv/bin/shellcheck")
    shellcheck = beside if beside.exists() else required_command("shellcheck")
    done = subprocess.run([shellcheck, *SCRIPTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_for_sh_and_strict(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -eu\n" in text


@pytest.mark.parametrize("missing", ["admin-password", "chat-password"])
def test_a_missing_password_is_named_before_anything_is_asked_of_it(
    tmp_path: Path, secrets: Path, missing: str
) -> None:
    (secrets / missing).write_text("")
    tools = stand_ins(tmp_path, pg_isready="exit 0", psql="exit 0")
    done = sh(
        DATABASES / "databases.sh", path=tools, SECRETS=str(secrets), FILES=str(DATABASES), SERVICES=" ".join(SERVICES),
        PGHOST="h", PGPORT="1",
    )  # fmt: skip
    assert done.returncode == 1
    assert f"the secret {missing} is missing or empty" in done.stderr


def test_a_server_that_never_answers_is_reported(tmp_path: Path, secrets: Path) -> None:
    tools = stand_ins(tmp_path, pg_isready="exit 2", sleep="exit 0")
    done = sh(
        DATABASES / "databases.sh", path=tools, SECRETS=str(secrets), FILES=str(DATABASES), SERVICES="auth",
        PGHOST="postgresql", PGPORT="5432", WAIT_ATTEMPTS="3",
    )  # fmt: skip
    assert done.returncode == 1
    assert "PostgreSQL does not answer at postgresql:5432" in done.stderr


def stand_ins(tmp_path: Path, **scripts: str) -> str:
    """A PATH whose first folder has these programs."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


class TestUpload:
    """upload.sh."""

    def run(self, tmp_path: Path, aws: str) -> tuple[Done, list[str]]:
        calls = tmp_path / "calls"
        calls.touch()
        tools = stand_ins(tmp_path, aws=f'echo "$*" >>{calls}\n{aws}', date="echo 2026-11-21T181700Z")
        done = sh(DATABASES / "upload.sh", path=tools, DUMPS=str(tmp_path / "dumps"), BUCKET="backups")
        return done, calls.read_text().splitlines()

    @pytest.fixture(autouse=True)
    def dumps(self, tmp_path: Path) -> Path:
        folder = tmp_path / "dumps"
        folder.mkdir()
        for name in ("auth.dump", "roles.sql", "SHA256SUMS"):
            (folder / name).write_text(name)
        return folder

    def test_the_mark_of_completeness_goes_last(self, tmp_path: Path, dumps: Path) -> None:
        done, calls = self.run(tmp_path, "exit 0")
        assert done.returncode == 0, done.stderr
        target = "s3://backups/2026-11-21T181700Z"
        assert calls == [
            f"s3 cp --only-show-errors --recursive --exclude SHA256SUMS {dumps} {target}/",
            f"s3 cp --only-show-errors {dumps}/SHA256SUMS {target}/SHA256SUMS",
        ]

    def test_what_was_not_uploaded_is_not_marked_complete(self, tmp_path: Path) -> None:
        done, calls = self.run(tmp_path, "exit 1")
        assert (done.returncode, len(calls)) == (1, 1)

    def test_without_a_complete_dump_nothing_is_uploaded(self, tmp_path: Path, dumps: Path) -> None:
        (dumps / "SHA256SUMS").unlink()
        done, calls = self.run(tmp_path, "exit 0")
        assert (done.returncode, calls) == (1, [])


# --- against a real PostgreSQL, with the cluster's own configuration


@dataclass(frozen=True)
class Server:
    """PostgreSQL with postgresql.conf and pg_hba.conf as the cluster has them, but for address, port and folder."""

    port: int
    binaries: Path
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": "postgres"}

    @property
    def path(self) -> str:
        return f"{self.binaries}:/usr/bin:/bin"

    def psql(self, user: str, password: str, database: str, sql: str) -> Done:
        return subprocess.run(
            [self.binaries / "psql", "-X", "-q", "-A", "-t", "-c", sql],
            env={**self.environment, "PATH": self.path, "PGUSER": user, "PGPASSWORD": password, "PGDATABASE": database},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def admin(self, sql: str) -> str:
        done = self.psql("postgres", f"{NASTY}admin", "postgres", sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def databases(self, secrets: Path) -> Done:
        return sh(
            DATABASES / "databases.sh", path=self.path, **self.environment, SECRETS=str(secrets), FILES=str(DATABASES),
            SERVICES=" ".join(SERVICES),
        )  # fmt: skip

    def dump(self, secrets: Path, dumps: Path) -> Done:
        return sh(
            DATABASES / "dump.sh", path=self.path, **self.environment, SECRETS=str(secrets), DUMPS=str(dumps),
            SERVICES=" ".join(SERVICES),
        )  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    binaries = newest_binaries()
    with tempfile.TemporaryDirectory(prefix="eco2-postgres-") as made:
        home = Path(made)
        account = "nobody" if os.geteuid() == 0 else None  # initdb refuses root
        if account:
            shutil.chown(home, account)

        def run(*command: str | Path) -> None:
            subprocess.run([str(part) for part in command], user=account, check=True, capture_output=True, cwd=home)

        for name in ("postgresql.conf", "pg_hba.conf"):
            shutil.copy(POSTGRES / name, home)
        password = home / "password"
        password.write_text(f"{NASTY}admin")
        password.chmod(0o644)
        data, port = home / "data", free_port()
        run(
            binaries / "initdb", "-D", data, "-U", "postgres", f"--pwfile={password}", "--data-checksums",
            "--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "-N", "-E", "UTF8",
        )  # fmt: skip
        options = (
            f"-c config_file={home}/postgresql.conf -c hba_file={home}/pg_hba.conf -p {port} -k {home} "
            "-c listen_addresses=127.0.0.1 -c shared_buffers=32MB -c fsync=off -c log_statement=all"
        )
        run(binaries / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start")
        try:
            yield Server(port, binaries, home / "log")
        finally:
            run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def databases(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], None]:
    """They are made; and what makes them, or sets them right again."""
    secrets = mounted(tmp_path_factory.mktemp("databases") / "secrets")

    def make() -> None:
        done = server.databases(secrets)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [f"databases: {service} is ready" for service in SERVICES]
        assert NASTY not in done.stdout + done.stderr

    make()
    return make


@pytest.fixture
def set_right_again(databases: Callable[[], None]) -> Iterator[None]:
    yield
    databases()


@pytest.mark.verify
@pytest.mark.usefixtures("databases")
class TestPostgres:
    """databases.sh, databases.sql, pg_hba.conf, postgresql.conf and dump.sh."""

    def test_what_is_there_is_left_alone(self, databases: Callable[[], None]) -> None:
        databases()

    def test_each_service_owns_its_database(self, server: Server) -> None:
        owners = server.admin("SELECT datname || ' ' || pg_get_userbyid(datdba) FROM pg_database WHERE datname <> 'postgres'"
                              " AND NOT datistemplate ORDER BY 1")  # fmt: skip
        assert owners.splitlines() == [f"{service} {service}" for service in sorted(SERVICES)]
        for service in SERVICES:
            sql = "CREATE TABLE IF NOT EXISTS mine (n int); INSERT INTO mine VALUES (1)"
            assert server.psql(service, f"{NASTY}{service}", service, sql).returncode == 0

    @pytest.mark.parametrize("database", ["my", "postgres", "template1"])
    def test_a_role_gets_into_no_other_database(self, server: Server, database: str) -> None:
        refused = server.psql("auth", f"{NASTY}auth", database, "SELECT 1")
        assert refused.returncode != 0
        assert "no pg_hba.conf entry" in refused.stderr

    def test_even_without_that_file_a_database_is_closed_to_others(self, server: Server) -> None:
        assert server.admin("SELECT has_database_privilege('auth', 'my', 'CONNECT')") == "f"

    def test_a_role_has_no_powers(self, server: Server, secrets: Path) -> None:
        server.admin("ALTER ROLE chat CREATEDB CREATEROLE BYPASSRLS")
        assert server.databases(secrets).returncode == 0
        powers = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolconnlimit"
        for service in SERVICES:
            sql = f"SELECT {powers} FROM pg_roles WHERE rolname = '{service}'"  # noqa: S608
            assert server.admin(sql) == "f|f|f|f|f|20"

    @pytest.mark.usefixtures("set_right_again")
    def test_a_changed_password_takes_effect(self, server: Server, secrets: Path) -> None:
        (secrets / "scan-password").write_text("changed")
        assert server.databases(secrets).returncode == 0
        assert server.psql("scan", "changed", "scan", "SELECT 1").returncode == 0
        assert "authentication failed" in server.psql("scan", f"{NASTY}scan", "scan", "SELECT 1").stderr

    def test_passwords_are_kept_as_scram_and_out_of_the_log(self, server: Server) -> None:
        kept = server.admin(
            "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM-SHA-256$%'"
        )
        assert kept == "0"
        text = server.log.read_text()
        assert "SET log_statement = 'none'" in text
        assert NASTY not in text
        assert 'ALTER ROLE "auth"' not in text

    def test_every_setting_is_one_that_the_server_knows(self, server: Server) -> None:
        assert server.admin("SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL AND name NOT IN "
                            "('listen_addresses', 'port', 'shared_buffers', 'unix_socket_directories')") == "0"  # fmt: skip
        assert server.admin("SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL") == "0"
        assert server.admin("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") == "0"

    def test_a_dump_brings_everything_back(self, server: Server, secrets: Path, tmp_path: Path) -> None:
        dumps = tmp_path / "dumps"
        dumps.mkdir()
        (dumps / "left-over.dump").write_text("of an earlier try")
        server.psql("image", f"{NASTY}image", "image", "CREATE TABLE kept AS SELECT 42 AS n")
        done = server.dump(secrets, dumps)
        assert done.returncode == 0, done.stderr
        assert {path.name for path in dumps.iterdir()} == {
            *(f"{service}.dump" for service in SERVICES), "roles.sql", "SHA256SUMS"
        }  # fmt: skip
        assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=dumps, check=False).returncode == 0
        roles = (dumps / "roles.sql").read_text()
        assert "CREATE ROLE image;" in roles
        assert "PASSWORD" not in roles
        server.admin("CREATE DATABASE restored OWNER image")
        restore = subprocess.run(
            [server.binaries / "pg_restore", "--dbname", "restored", dumps / "image.dump"],
            env={**server.environment, "PATH": server.path, "PGPASSWORD": f"{NASTY}admin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert restore.returncode == 0, restore.stderr
        kept = server.psql("postgres", f"{NASTY}admin", "restored", "TABLE kept")
        assert kept.stdout.strip() == "42"
        server.admin("DROP DATABASE restored")

    def on_the_page(
        self, server: Server, folder: Path, *starts: str, page: str = "restore-a-database.md", **environment: str
    ) -> None:
        """Those lines of the runbook, from the folder with `restore`, as the administrator."""
        text = (REPOSITORY / "docs/runbooks" / page).read_text()
        lines = [line for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
        for start in starts:
            (line,) = [line for line in lines if line.startswith(start)]
            done = subprocess.run(
                ["sh", "-euc", line], cwd=folder, capture_output=True, text=True, check=False,
                env={**server.environment, "PATH": server.path, "PGPASSWORD": f"{NASTY}admin", **environment},
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stderr}"

    BESIDE = ("(cd restore", "psql --set ON_ERROR_STOP=1 --command 'CREATE DATABASE", "pg_restore")
    IN_ITS_PLACE = ("psql --set ON_ERROR_STOP=1 --command 'ALTER DATABASE image ALLOW",)

    @pytest.mark.usefixtures("set_right_again")
    def test_the_runbook_brings_a_database_back(self, server: Server, secrets: Path, tmp_path: Path) -> None:
        (tmp_path / "restore").mkdir()
        password = f"{NASTY}image"
        server.psql("image", password, "image", "CREATE TABLE pictures AS SELECT 7 AS n")
        assert server.dump(secrets, tmp_path / "restore").returncode == 0
        server.psql("image", password, "image", "UPDATE pictures SET n = 0")
        self.on_the_page(server, tmp_path, *self.BESIDE)
        assert server.psql("image", password, "image", "TABLE pictures").stdout.strip() == "0"
        assert server.admin("SELECT has_database_privilege('auth', 'image_restored', 'CONNECT')") == "f"
        self.on_the_page(server, tmp_path, *self.IN_ITS_PLACE)
        assert server.psql("image", password, "image", "TABLE pictures").stdout.strip() == "7"
        assert server.psql("image", password, "image", "INSERT INTO pictures VALUES (8)").returncode == 0
        assert server.admin("SELECT has_database_privilege('auth', 'image', 'CONNECT')") == "f"
        assert server.databases(secrets).returncode == 0
        server.admin("DROP DATABASE image_before")
        server.psql("image", password, "image", "DROP TABLE pictures")

    @pytest.mark.usefixtures("set_right_again")
    def test_the_runbook_fills_an_empty_server(self, server: Server, secrets: Path, tmp_path: Path) -> None:
        (tmp_path / "restore").mkdir()
        for service in SERVICES:
            server.psql(service, f"{NASTY}{service}", service, "CREATE TABLE of_it AS SELECT current_user AS who")
        assert server.dump(secrets, tmp_path / "restore").returncode == 0
        for service in SERVICES:
            server.admin(f'DROP DATABASE "{service}"')
            server.admin(f'DROP ROLE "{service}"')
        assert server.databases(secrets).returncode == 0
        self.on_the_page(server, tmp_path, "for dump in")
        for service in SERVICES:
            found = server.psql(service, f"{NASTY}{service}", service, "TABLE of_it")
            assert found.stdout.strip() == service, found.stderr
            server.psql(service, f"{NASTY}{service}", service, "DROP TABLE of_it")

    def test_a_superusers_password_is_changed_as_the_runbook_says(
        self, server: Server, secrets: Path, tmp_path: Path
    ) -> None:
        page, new = "rotate-secrets.md", f"{NASTY}drawn anew"
        self.on_the_page(server, tmp_path, "printf", page=page, NEW=new)
        refused = server.psql("postgres", f"{NASTY}admin", "postgres", "SELECT 1")
        assert "authentication failed" in refused.stderr
        assert server.databases(secrets).returncode == 1
        (secrets / "admin-password").write_text(new)
        assert server.databases(secrets).returncode == 0
        assert new not in server.log.read_text()
        self.on_the_page(server, tmp_path, "printf", page=page, NEW=f"{NASTY}admin", PGPASSWORD=new)
        assert server.psql("postgres", f"{NASTY}admin", "postgres", "SELECT 1").returncode == 0

    def test_a_dump_that_fails_leaves_no_mark_of_completeness(
        self, server: Server, secrets: Path, tmp_path: Path
    ) -> None:
        dumps = tmp_path / "dumps"
        dumps.mkdir()
        (secrets / "admin-password").write_text("wrong")
        done = server.dump(secrets, dumps)
        assert done.returncode == 1
        assert not (dumps / "SHA256SUMS").exists()


# --- against a real Redis


@dataclass(frozen=True)
class Cache:
    """Redis with redis.conf and the users that acl.sh wrote."""

    port: int
    home: Path

    def cli(self, user: str, *command: str, password: str | None = None) -> str:
        done = subprocess.run(
            ["redis-cli", "--user", user, "-p", str(self.port), *command],
            env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": f"{NASTY}{user}" if password is None else password},
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return (done.stdout + done.stderr).strip()


def test_a_missing_redis_password_leaves_no_open_user(tmp_path: Path, secrets: Path) -> None:
    (secrets / "celery-ai-password").write_text("")
    done = sh(
        SHARED / "redis" / "acl.sh",
        SECRETS=str(secrets),
        USERS=str(REDIS / "users"),
        ACL_FILE=str(tmp_path / "users.acl"),
    )
    assert done.returncode == 1
    assert not (tmp_path / "users.acl").exists()


def test_the_users_file_holds_no_password_and_is_its_owners(tmp_path: Path, secrets: Path) -> None:
    users = tmp_path / "users.acl"
    assert (
        sh(
            SHARED / "redis" / "acl.sh", SECRETS=str(secrets), USERS=str(REDIS / "users"), ACL_FILE=str(users)
        ).returncode
        == 0
    )
    assert NASTY not in users.read_text()
    assert users.stat().st_mode & 0o077 == 0


@contextmanager
def started(home: Path, secrets: Path, redis: Path = REDIS) -> Iterator[Cache]:
    """A pod's life: its users are written from the secrets, once, and the server runs on what is in `home`."""
    users, port = home / "users.acl", free_port()
    written = sh(SHARED / "redis" / "acl.sh", SECRETS=str(secrets), USERS=str(redis / "users"), ACL_FILE=str(users))
    assert written.returncode == 0
    conf = (redis / "redis.conf").read_text().replace("/run/redis/users.acl", str(users))
    (home / "redis.conf").write_text(conf.replace("dir /data", f"dir {home}"))
    made = Cache(port, home)
    arguments: list[str | Path] = [
        required_command("redis-server"),
        home / "redis.conf",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
    ]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=home) as process:
        try:
            for _ in range(200):
                if "refused" not in made.cli("default", "ping"):
                    break
                assert process.poll() is None
                time.sleep(0.05)
            yield made
        finally:
            process.terminate()


@pytest.fixture(scope="class")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cache]:
    home = tmp_path_factory.mktemp("redis")
    with started(home, mounted(home / "secrets")) as made:
        yield made


@pytest.mark.verify
@pytest.mark.parametrize("system", ["eco2", "gateway_lab", "immersiverse"])
class TestRotatingRedisPasswords:
    """docs/runbooks/rotate-secrets.md: what its row of Redis' users says, of each system's own Redis."""

    NEW = f"{NASTY}new"

    def folder(self, system: str) -> Path:
        return REPOSITORY / "deploy" / system / "redis"

    def users(self, system: str) -> list[str]:
        lines = (self.folder(system) / "users").read_text().splitlines()
        return [line.split()[0] for line in lines if line and not line.startswith("#")]

    def kept(self, home: Path, system: str) -> Path:
        """A secret for each user, as they are mounted."""
        secrets = home / "secrets"
        secrets.mkdir()
        for user in self.users(system):
            (secrets / f"{user}-password").write_text(f"{NASTY}{user}")
        return secrets

    def test_the_file_alone_changes_nothing_and_a_restart_of_the_pod_everything(
        self, tmp_path: Path, system: str
    ) -> None:
        user = next(one for one in self.users(system) if one != "probe")
        secrets = self.kept(tmp_path, system)
        with started(tmp_path, secrets, self.folder(system)) as running:
            assert "NOAUTH" not in running.cli(user, "get", "x")
            (secrets / f"{user}-password").write_text(self.NEW)
            assert "NOAUTH" not in running.cli(user, "get", "x")
            assert "NOAUTH" in running.cli(user, "get", "x", password=self.NEW)
        with started(tmp_path, secrets, self.folder(system)) as again:
            assert "NOAUTH" in again.cli(user, "get", "x")
            assert "NOAUTH" not in again.cli(user, "get", "x", password=self.NEW)
            for other in self.users(system):
                if other != user:
                    assert "NOAUTH" not in again.cli(other, "get", "x"), other

    def test_a_new_password_of_the_probes_stops_the_probe_until_the_pod_is_restarted(
        self, tmp_path: Path, system: str
    ) -> None:
        """So that one is not rotated alone: a container that the kubelet starts again has the users of before."""
        secrets = self.kept(tmp_path, system)

        def probed(running: Cache) -> bool:
            tools = stand_ins(tmp_path, **{"redis-cli": f'exec /usr/bin/redis-cli -p {running.port} "$@"'})
            return sh(SHARED / "redis" / "ping.sh", path=tools, SECRETS=str(secrets)).returncode == 0

        with started(tmp_path, secrets, self.folder(system)) as running:
            assert probed(running)
            (secrets / "probe-password").write_text(self.NEW)
            assert not probed(running)
        with started(tmp_path, secrets, self.folder(system)) as again:
            assert probed(again)


@pytest.mark.verify
class TestRedis:
    """acl.sh, redis.conf and ping.sh."""

    @pytest.mark.parametrize("user", ["default", *OWN])
    @pytest.mark.parametrize("password", ["", "wrong", f"{NASTY}other"])
    def test_without_its_password_nothing_is_answered(self, cache: Cache, user: str, password: str) -> None:
        assert "NOAUTH" in cache.cli(user, "get", "blacklist:x", password=password)

    def test_what_auth_api_revokes_the_authorizer_sees(self, cache: Cache) -> None:
        assert cache.cli("auth-api", "set", "blacklist:x", "1") == "OK"
        assert cache.cli("ext-authz", "exists", "blacklist:x") == "1"

    @pytest.mark.parametrize(
        "command", [["get"], ["set", "1"], ["del"], ["expire", "1"]], ids=lambda command: command[0]
    )
    def test_the_authorizer_asks_and_does_nothing_else(self, cache: Cache, command: list[str]) -> None:
        """Who takes it over can neither revoke a token nor let a revoked one in."""
        assert "NOPERM" in cache.cli("ext-authz", command[0], "blacklist:x", *command[1:])

    @pytest.mark.parametrize("user", OWN)
    @pytest.mark.parametrize("owner", [one for one in OWN if OWN[one]])
    def test_each_has_its_own_keys_alone(self, cache: Cache, user: str, owner: str) -> None:
        """A worker that puts tasks into another's queue runs there; a workload that reads sessions is everybody."""
        key = str(OWN[owner])
        shared = (user, owner) in {("auth-api", "ext-authz")}
        for command in (
            ["exists", key],
            ["get", key],
            ["set", key, "1"],
            ["lpush", f"{key}-queue", "task"],
            ["del", key],
        ):
            allowed = "NOPERM" not in cache.cli(user, *command)
            if user == owner == "ext-authz":
                assert allowed == (command[0] == "exists")
            else:
                assert allowed == (user == owner or shared), command
        copied = cache.cli(user, "eval", "return redis.call('get', KEYS[1])", "1", key)
        assert ("NOPERM" in copied or "No permissions" in copied or "can't" in copied) == (
            user == "ext-authz" or not (user == owner or shared)
        )

    @pytest.mark.parametrize("user", OWN)
    @pytest.mark.parametrize(
        "command", [["flushall"], ["flushdb"], ["keys", "*"], ["scan", "0"], ["randomkey"], ["dbsize"], ["config", "get", "*"],
                    ["shutdown"], ["acl", "list"], ["save"], ["swapdb", "0", "1"], ["monitor"], ["client", "list"],
                    ["client", "kill", "id", "1"], ["script", "flush"], ["function", "flush"],
                    ["module", "list"], ["migrate", "203.0.113.1", "6379", "x", "0", "1"],
                    ["replicaof", "203.0.113.1", "6379"]], ids=lambda command: command[0],
    )  # fmt: skip
    def test_nobody_administers_it_or_looks_around(self, cache: Cache, user: str, command: list[str]) -> None:
        assert "NOPERM" in cache.cli(user, *command)

    @pytest.mark.parametrize(("worker", "prefix"), [("celery-storage", "storage:"), ("celery-ai", "ai:")])
    @pytest.mark.parametrize(
        "command", [["info", "server"], ["lpush", "{}celery", "x"], ["brpop", "{}celery", "1"], ["publish", "{}c", "m"],
                    ["zadd", "{}unacked_index", "1", "a"], ["client", "setname", "celery"],
                    ["eval", "return redis.call('time')", "0"], ["script", "load", "return 1"]],
        ids=lambda command: command[0],
    )  # fmt: skip
    def test_celery_may_do_what_it_does(self, cache: Cache, worker: str, prefix: str, command: list[str]) -> None:
        assert "NOPERM" not in cache.cli(worker, *(part.format(prefix) for part in command))

    def test_a_worker_hears_and_orders_no_other(self, cache: Cache) -> None:
        """Celery's remote control travels on channels: it can stop a worker, and make it run what it knows."""
        assert "NOPERM" in cache.cli("celery-storage", "publish", "ai:/1.celery.pidbox", "x")
        assert "NOPERM" not in cache.cli("celery-ai", "publish", "ai:/1.celery.pidbox", "x")
        assert "NOPERM" in cache.cli("auth-api", "publish", "ai:/1.celery.pidbox", "x")

    def test_nothing_is_evicted_and_everything_is_appended(self, cache: Cache) -> None:
        memory = cache.cli("auth-api", "info", "memory")
        assert "maxmemory_policy:noeviction" in memory
        assert "aof_enabled:1" in cache.cli("auth-api", "info", "persistence")
        assert next(cache.home.glob("appendonlydir/*.aof"))

    def test_the_probe_wants_an_answer_to_the_right_password(self, cache: Cache, secrets: Path, tmp_path: Path) -> None:
        tools = stand_ins(tmp_path, **{"redis-cli": f'exec /usr/bin/redis-cli -p {cache.port} "$@"'})
        assert sh(SHARED / "redis" / "ping.sh", path=tools, SECRETS=str(secrets)).returncode == 0
        (secrets / "probe-password").write_text("wrong")
        assert sh(SHARED / "redis" / "ping.sh", path=tools, SECRETS=str(secrets)).returncode != 0
