"""init.sh and init.sql: executed with stand-ins, and against a real PostgreSQL."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.components.aws.scripts import embed, render_command_document, render_script
from infra.systems.wealist.scripts import rds_root
from tests.deploy.pretend_machine import MASTER_SECRET, NASTY, SETTINGS, WEALIST, Machine, Result, assert_no_secret
from tests.tools import missing

DATABASE = WEALIST / "database"
INIT_SQL = DATABASE / "init.sql"
RDS_ROOT = rds_root(SETTINGS["REGION"])


def parts(root: str = RDS_ROOT) -> list[Path | str]:
    return [embed("init_sql", INIT_SQL.read_text()), embed("rds_ca", root), DATABASE / "init.sh"]


# Each `docker run` leaves what the container would see: its named environment and its standard input.
DOCKER = """
if [ "$1" = run ]; then
  number=$(ls "$FAKE" | grep -c '^run-')
  while [ $# -gt 0 ]; do
    if [ "$1" = --env ]; then printf '%s=%s\\n' "$2" "${!2}" >>"$FAKE/run-$number"; fi
    shift
  done
  cat >"$FAKE/input-$number"
fi
"""


def init(machine: Machine, root: str = RDS_ROOT, **env: str) -> Result:
    script = machine.fake / "init.sh"
    script.write_text(render_script(parts(root), SETTINGS))
    script.chmod(0o755)
    return machine.run(script, env=env)


def container_environment(machine: Machine, number: int) -> dict[str, str]:
    lines = (machine.fake / f"run-{number}").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_both_databases_are_made_by_the_master_over_tls(machine: Machine, parameters: dict[str, str]) -> None:
    machine.stub("docker", DOCKER)
    result = init(machine)
    assert result.status == 0, result.output
    for number, key in enumerate(("user", "board")):
        assert container_environment(machine, number) == {
            "PGHOST": parameters["db/endpoint"],
            "PGPORT": "5432",
            "PGUSER": "wealist_master",
            "PGPASSWORD": f"{NASTY}master",
            "PGDATABASE": "postgres",
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": "/rds-ca.pem",
            "PGREQUIREAUTH": "scram-sha-256",
            "PGCONNECT_TIMEOUT": "10",
            "APP_DB_NAME": f"wealist_{key}_db",
            "APP_DB_USER": f"{key}_service",
            "APP_DB_PASSWORD": parameters[f"db/{key}_db_password"],
        }
        assert (machine.fake / f"input-{number}").read_text() == INIT_SQL.read_text()
    ca = machine.root / "run/wealist/rds-ca.pem"
    assert ca.read_text() == RDS_ROOT
    for call in (call for call in machine.calls("docker") if call[1] == "run"):
        assert call[call.index("--volume") + 1] == f"{ca}:/rds-ca.pem:ro"
    assert_no_secret(machine, result.output)


def test_psql_comes_from_a_pinned_image_on_the_hosts_network(machine: Machine, parameters: dict[str, str]) -> None:
    machine.stub("docker", DOCKER)
    init(machine)
    for call in (call for call in machine.calls("docker") if call[1] == "run"):
        assert call[call.index("--network") + 1] == "host"
        assert {"--rm", "--interactive", "--read-only"} <= set(call)
        (image,) = [argument for argument in call if "/postgres:" in argument]
        assert image.rpartition(":")[2].startswith("17.")
        assert call[call.index(image) + 1] == "psql"


def test_a_missing_parameter_is_named_and_nothing_runs(machine: Machine, parameters: dict[str, str]) -> None:
    del machine.parameters["/wealist/prod/db/master_arn"]
    result = init(machine)
    assert result.status == 1
    assert "cannot read the SSM parameter /wealist/prod/db/master_arn" in result.output
    assert not [call for call in machine.calls("docker") if call[1] == "run"]


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (None, f"cannot read the master's password, the secret {MASTER_SECRET}"),
        ('{"username": "wealist_master"}', f"the secret {MASTER_SECRET} has no username and password"),
        ("not JSON", f"the secret {MASTER_SECRET} has no username and password"),
    ],
)
def test_a_master_secret_that_is_no_use_is_named_and_nothing_runs(
    machine: Machine, parameters: dict[str, str], secret: str | None, said: str
) -> None:
    machine.parameters.pop(MASTER_SECRET)
    if secret is not None:
        machine.parameters[MASTER_SECRET] = secret
    result = init(machine)
    assert result.status == 1
    assert said in result.output
    assert not [call for call in machine.calls("docker") if call[1] == "run"]


def test_docker_still_being_installed_is_waited_for(machine: Machine, parameters: dict[str, str]) -> None:
    machine.stub(
        "docker", '[ "$1" != info ] || { echo x >>"$FAKE/tries"; [ "$(wc -l <"$FAKE/tries")" -gt 2 ] || exit 1; }'
    )
    assert init(machine).status == 0
    assert machine.calls("sleep") == [["sleep", "10"], ["sleep", "10"]]


def test_docker_that_never_comes_is_reported(machine: Machine, parameters: dict[str, str]) -> None:
    machine.stub("docker", "exit 1")
    result = init(machine, DOCKER_WAIT_ATTEMPTS="3")
    assert result.status == 1
    assert "Docker or jq is not ready after 30 seconds" in result.output


def test_a_database_that_refuses_fails_the_command(machine: Machine, parameters: dict[str, str]) -> None:
    machine.stub("docker", 'if [ "$1" = run ]; then cat >/dev/null; exit 3; fi')
    result = init(machine)
    assert result.status == 1
    assert "could not set up the database wealist_user_db" in result.output


def test_the_script_fits_an_ssm_document() -> None:
    document = render_command_document(render_script(parts(), SETTINGS), "databases", 1200)
    assert len(document.encode()) < 64 * 1024


# --- against a real server


@dataclass(frozen=True)
class Server:
    """A PostgreSQL of its own on loopback, with TLS and password logins."""

    port: int
    binaries: Path
    log: Path
    certificate: str

    def environment(self, user: str, password: str, database: str) -> dict[str, str]:
        login = {"PGUSER": user, "PGPASSWORD": password, "PGDATABASE": database}
        return {"PATH": os.environ["PATH"], "PGHOST": "127.0.0.1", "PGPORT": str(self.port), **login}

    @contextmanager
    def lock(self, database: str) -> Iterator[None]:
        """Hold the lock of init.sql in a database, as another instance would."""
        with subprocess.Popen(
            [self.binaries / "psql", "-X", "-q", "-A", "-t"],
            env=self.environment("root", ROOT_PASSWORD, database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as session:
            assert session.stdin is not None
            assert session.stdout is not None
            session.stdin.write("SELECT pg_advisory_lock(hashtext('wealist-database-init'));\n\\echo locked\n")
            session.stdin.flush()
            while session.stdout.readline() != "locked\n":
                assert session.poll() is None
            yield

    def psql(self, user: str, password: str, database: str, sql: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.binaries / "psql", "-X", "-q", "-A", "-t"],
            input=sql,
            env=self.environment(user, password, database) | env,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def init(
        self, master: tuple[str, str], key: str, password: str, options: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return self.psql(
            *master,
            "postgres",
            INIT_SQL.read_text(),
            APP_DB_NAME=f"wealist_{key}_db",
            APP_DB_USER=f"{key}_service",
            APP_DB_PASSWORD=password,
            PGOPTIONS=options,
        )

    def forget(self) -> None:
        for key in ("user", "board"):
            self.psql("root", ROOT_PASSWORD, "postgres", f"DROP DATABASE IF EXISTS wealist_{key}_db")
            self.psql("root", ROOT_PASSWORD, "postgres", f"DROP ROLE IF EXISTS {key}_service")


ROOT_PASSWORD = "root-password"
MASTER_PASSWORD = f"{NASTY}master"


def newest_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        missing("PostgreSQL (initdb) is not installed")
    return found[-1].parent if found else Path(str(on_path)).parent


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="wealist-postgres-") as home:
        yield from start_server(Path(home))


def start_server(home: Path) -> Iterator[Server]:
    binaries = newest_binaries()
    account = "nobody" if os.geteuid() == 0 else None  # initdb refuses root
    if account:
        shutil.chown(home, account)

    def run(*command: str | Path) -> None:
        subprocess.run([str(part) for part in command], user=account, check=True, capture_output=True, cwd=home)

    password = home / "password"
    password.write_text(ROOT_PASSWORD)
    password.chmod(0o644)
    data = home / "data"
    run(
        binaries / "initdb", "-D", data, "-U", "root", f"--pwfile={password}", "-A", "scram-sha-256", "-N", "-E", "UTF8"
    )
    subject = ["-subj", "/CN=localhost", "-days", "2", "-nodes"]
    run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        *subject,
        "-keyout",
        data / "server.key",
        "-out",
        data / "server.crt",
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # Every statement is logged, to see that the password is not.
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {home} -c fsync=off -c ssl=on -c log_statement=all"
    run(binaries / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start")
    made = Server(port, binaries, home / "log", (data / "server.crt").read_text())
    quoted = MASTER_PASSWORD.replace("'", "''")
    created = made.psql(
        "root",
        ROOT_PASSWORD,
        "postgres",
        f"SET standard_conforming_strings = on; CREATE ROLE master LOGIN CREATEDB CREATEROLE PASSWORD '{quoted}'",
    )
    assert created.returncode == 0, created.stderr
    yield made
    run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")


@pytest.fixture(params=["superuser", "rds-like master"])
def master(request: pytest.FixtureRequest, server: Server) -> Iterator[tuple[str, str]]:
    yield ("root", ROOT_PASSWORD) if request.param == "superuser" else ("master", MASTER_PASSWORD)
    server.forget()


@dataclass(frozen=True)
class Impostor:
    """The host that a server in the database's place answers for, and what the client says; whether its root is RDS's."""

    host: str
    said: str
    own_root: bool


@pytest.mark.verify
class TestServer:
    def test_each_role_owns_its_database_and_is_refused_on_the_other(
        self, server: Server, master: tuple[str, str]
    ) -> None:
        for key in ("user", "board", "user", "board"):
            done = server.init(master, key, f"{NASTY}{key}")
            assert (done.returncode, done.stdout) == (0, ""), done.stderr
        for key, other in (("user", "board"), ("board", "user")):
            role, password = f"{key}_service", f"{NASTY}{key}"
            own = server.psql(role, password, f"wealist_{key}_db", "CREATE TABLE IF NOT EXISTS t (n int); TABLE t;")
            assert own.returncode == 0, own.stderr
            refused = server.psql(role, password, f"wealist_{other}_db", "SELECT 1")
            assert "permission denied for database" in refused.stderr
        owners = server.psql(
            *master,
            "postgres",
            "SELECT datname, pg_get_userbyid(datdba) FROM pg_database WHERE datname LIKE 'wealist%' ORDER BY 1",
        )
        assert owners.stdout.split() == ["wealist_board_db|board_service", "wealist_user_db|user_service"]

    def test_a_role_has_no_powers_beyond_its_database(self, server: Server, master: tuple[str, str]) -> None:
        server.init(master, "user", "x")
        done = server.psql(
            *master,
            "postgres",
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, "
            "(SELECT count(*) FROM pg_auth_members WHERE member = r.oid) "
            "FROM pg_roles r WHERE rolname = 'user_service'",
        )
        assert done.stdout.strip() == "f|f|f|f|f|0"

    def test_schema_public_is_closed_to_everyone_else(self, server: Server, master: tuple[str, str]) -> None:
        server.init(master, "user", "x")
        server.init(master, "board", "y")
        # Even a role let into the database by mistake finds nothing it may use.
        server.psql("root", ROOT_PASSWORD, "postgres", "GRANT CONNECT ON DATABASE wealist_user_db TO board_service")
        server.psql("user_service", "x", "wealist_user_db", "CREATE TABLE public.t (n int); GRANT ALL ON t TO PUBLIC")
        done = server.psql("board_service", "y", "wealist_user_db", "TABLE public.t")
        assert "permission denied for schema public" in done.stderr

    def test_a_rotated_password_takes_effect(self, server: Server, master: tuple[str, str]) -> None:
        for password in ("first", f"{NASTY}second"):
            assert server.init(master, "user", password).returncode == 0
        assert server.psql("user_service", f"{NASTY}second", "wealist_user_db", "SELECT 1").returncode == 0
        assert "authentication failed" in server.psql("user_service", "first", "wealist_user_db", "").stderr

    def test_instances_may_run_it_at_once(self, server: Server, master: tuple[str, str]) -> None:
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda key: server.init(master, key, "same"), ["user", "board"] * 8))
        assert [(run.returncode, run.stderr) for run in done if run.returncode] == []
        assert server.psql("user_service", "same", "wealist_user_db", "SELECT 1").returncode == 0

    @pytest.mark.parametrize("database", ["postgres", "wealist_user_db"])
    def test_one_instance_waits_for_another(self, server: Server, master: tuple[str, str], database: str) -> None:
        assert server.init(master, "user", "x").returncode == 0
        with server.lock(database):
            waited = server.init(master, "user", "x", "-c statement_timeout=300")
        assert waited.returncode != 0
        assert "statement timeout" in waited.stderr
        assert server.init(master, "user", "x", "-c statement_timeout=5000").returncode == 0

    def test_a_wrong_master_password_is_reported_without_it(self, server: Server) -> None:
        done = server.init(("master", "lead'single-wrong"), "user", f"{NASTY}user")
        assert done.returncode != 0
        assert "authentication failed" in done.stderr
        assert "lead'single" not in done.stderr

    def test_a_superusers_run_keeps_the_password_out_of_the_server_log(self, server: Server) -> None:
        assert server.init(("root", ROOT_PASSWORD), "user", "never-in-the-log").returncode == 0
        text = server.log.read_text()
        assert "set_config('log_statement'" in text
        assert "never-in-the-log" not in text
        server.forget()

    def test_init_sh_drives_it_end_to_end_over_tls(
        self, server: Server, machine: Machine, parameters: dict[str, str]
    ) -> None:
        points_at(machine, server, "localhost")
        for _ in range(2):
            result = init(machine, server.certificate)
            assert result.status == 0, result.output
        assert_no_secret(machine, result.output)
        for key in ("user", "board"):
            secret = parameters[f"db/{key}_db_password"]
            sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            done = server.psql(f"{key}_service", secret, f"wealist_{key}_db", sql, PGSSLMODE="require")
            assert done.stdout.strip() == "t", done.stderr
        server.forget()

    @pytest.mark.parametrize(
        "impostor",
        [
            # Whoever answers in the database's place has no certificate of RDS's.
            Impostor("localhost", "certificate verify failed", own_root=False),
            # Or has one of RDS's, for a database of their own.
            Impostor("127.0.0.1", 'does not match host name "127.0.0.1"', own_root=True),
        ],
    )
    def test_a_server_that_is_not_the_database_learns_nothing(
        self, server: Server, machine: Machine, parameters: dict[str, str], impostor: Impostor
    ) -> None:
        points_at(machine, server, impostor.host)
        root = server.certificate if impostor.own_root else RDS_ROOT
        refused = init(machine, root)
        assert refused.status == 1
        assert impostor.said in refused.output
        # Encryption alone, as it was before, hands the master's login and the services' passwords to it.
        believed = init(machine, root, MODE="require")
        assert believed.status == 0, believed.output
        server.forget()


def points_at(machine: Machine, server: Server, host: str) -> None:
    """The machine's parameters name this server, and its `docker run` runs what a container would.

    That is what follows the image, with the named variables and no others. MODE takes the place of the script's
    PGSSLMODE, and then there is no root.
    """
    machine.parameters |= {
        "/wealist/prod/db/endpoint": host,
        "/wealist/prod/db/port": str(server.port),
        MASTER_SECRET: json.dumps({"username": "master", "password": MASTER_PASSWORD}),
    }
    machine.stub(
        "docker",
        f"""
        if [ "$1" = run ]; then
          kept=(PATH={server.binaries}:/usr/bin:/bin)
          while [ $# -gt 0 ]; do
            case "$1" in
              --env) kept+=("$2=${{!2}}"); shift ;;
              --volume) root=${{2%%:*}}; shift ;;
              *postgres:17*)
                shift
                exec env -i "${{kept[@]}}" PGSSLROOTCERT="${{MODE:-$root}}" PGSSLMODE="${{MODE:-$PGSSLMODE}}" "$@"
                ;;
            esac
            shift
          done
        fi
        """,
    )
