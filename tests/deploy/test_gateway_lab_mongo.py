"""The lab's users of MongoDB, made and rotated by MongoDB's own shell, as its image and the page of secrets do it.

No registry has MongoDB. FerretDB speaks its protocol and keeps users with SCRAM, but no roles: users.js gives none here.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.systems.gateway_lab.document import ORDER
from tests.mesh.processes import Program
from tests.ports import free_port
from tests.stacks import ROOT
from tests.tools import required_mongosh, required_tool

pytestmark = pytest.mark.judges

ADMIN, NASTY = "admin", "'\"$ü;"
ROLES = "[{ role: 'readWrite', db: name }]"
USERS = (ROOT / "deploy/gateway_lab/mongo/users.js").read_text()
(LINE,) = re.findall(r"^mongosh .*$", (ROOT / "docs/runbooks/rotate-secrets.md").read_text(), re.MULTILINE)
ON = "127.0.0.1:27017"
"""Where the page's command finds the server, by its port-forward."""


@dataclass(frozen=True)
class Server:
    port: int
    home: Path
    shell: Path

    def listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def run(self, script: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A script in the shell, connected to nothing; `at` is the server's address in it."""
        return self._shell(["--nodb", "--eval", f"const at = 'mongodb://127.0.0.1:{self.port}';\n{script}"], settings)

    def lets_in(self, user: str, password: str) -> bool:
        done = self.run(
            "connect(`${at}/${process.env.WHO}`).auth(process.env.WHO, process.env.IT)", WHO=user, IT=password
        )
        assert done.returncode == 0 or "Authentication failed" in done.stderr + done.stdout, done.stderr
        return done.returncode == 0

    def make_users(self, secrets: Path) -> subprocess.CompletedProcess[str]:
        """As the image does on the first start."""
        (self.home / "users.js").write_text(USERS.replace(ROLES, "[]"))
        url = f"mongodb://127.0.0.1:{self.port}/test?authSource=admin"
        login = ["--username", ADMIN, "--password", f"{NASTY}{ADMIN}"]
        return self._shell([url, *login, self.home / "users.js"], {"SECRETS": str(secrets), "USERS": ORDER})

    def on_the_page(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """The page's command, on this server."""
        line = LINE.replace(ON, f"127.0.0.1:{self.port}")
        path = f"{self.shell.parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-euc", line], capture_output=True, text=True, check=False,
            env={"PATH": path, "HOME": str(self.home), **settings},
        )  # fmt: skip

    def _shell(self, arguments: list[str | Path], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.shell, "--quiet", "--norc", *arguments], capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **settings},
        )  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """With its administrator, as the image makes it."""
    program, made = required_tool("ferretdb"), Server(free_port(), tmp_path, required_mongosh())
    (tmp_path / "data").mkdir()
    running = Program(
        [program, "--handler=sqlite", f"--sqlite-url=file:{tmp_path}/data/", f"--state-dir={tmp_path}", "--telemetry=disable",
         f"--listen-addr=127.0.0.1:{made.port}", "--debug-addr=-", "--test-enable-new-auth",
         f"--setup-database={ADMIN}", f"--setup-username={ADMIN}"],
        tmp_path / "ferretdb.log",
        environment={"FERRETDB_SETUP_PASSWORD": f"{NASTY}{ADMIN}"},
    )  # fmt: skip
    try:
        running.wait(made.listens)
        yield made
    finally:
        running.stop()


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / f"{ORDER}-password").write_text(f"{NASTY}{ORDER}\n")
    return folder


def test_the_first_start_makes_the_order_services_user(server: Server, secrets: Path) -> None:
    assert USERS.count(ROLES) == 1
    done = server.make_users(secrets)
    assert done.returncode == 0, done.stderr
    assert server.lets_in(ORDER, f"{NASTY}{ORDER}")
    assert not server.lets_in(ORDER, "wrong")


def test_an_empty_secret_makes_no_user(server: Server, secrets: Path) -> None:
    (secrets / f"{ORDER}-password").write_text("\n")
    done = server.make_users(secrets)
    assert done.returncode != 0
    assert f"the secret {ORDER}-password is empty" in done.stderr + done.stdout
    listed = server.run(
        """
        const admin = connect(`${at}/admin`);
        admin.auth('admin', process.env.ADMIN);
        print(admin.getSiblingDB('order-service').getUsers().users.length);
        """,
        ADMIN=f"{NASTY}{ADMIN}",
    )
    assert (listed.returncode, listed.stdout.split()) == (0, ["0"]), listed.stderr


@pytest.mark.parametrize("user", [ADMIN, ORDER])
def test_the_pages_command_changes_a_password_and_no_other(server: Server, secrets: Path, user: str) -> None:
    other = ORDER if user == ADMIN else ADMIN
    assert server.make_users(secrets).returncode == 0
    done = server.on_the_page(ADMIN=f"{NASTY}{ADMIN}", WHO=user, NEW=f"{NASTY}new")
    assert done.returncode == 0, done.stderr
    assert NASTY not in done.stdout + done.stderr
    assert not server.lets_in(user, f"{NASTY}{user}")
    assert server.lets_in(user, f"{NASTY}new")
    assert server.lets_in(other, f"{NASTY}{other}")


def test_what_is_connected_goes_on(server: Server, secrets: Path) -> None:
    """The row's "open ones": nobody who is in is thrown out by a new password."""
    assert server.make_users(secrets).returncode == 0
    held = server.run(
        """
        const orders = connect(`${at}/order-service`);
        orders.auth('order-service', process.env.OLD);
        orders.kept.insertOne({ n: 1 });
        const admin = connect(`${at}/admin`);
        admin.auth('admin', process.env.ADMIN);
        admin.getSiblingDB('order-service').changeUserPassword('order-service', process.env.NEW);
        orders.kept.insertOne({ n: 2 });
        print(orders.kept.countDocuments());
        """,
        OLD=f"{NASTY}{ORDER}",
        ADMIN=f"{NASTY}{ADMIN}",
        NEW=f"{NASTY}new",
    )
    assert (held.returncode, held.stdout.split()) == (0, ["2"]), held.stderr


def test_a_wrong_administrator_changes_nothing(server: Server, secrets: Path) -> None:
    assert server.make_users(secrets).returncode == 0
    done = server.on_the_page(ADMIN="wrong", WHO=ORDER, NEW=f"{NASTY}new")
    assert done.returncode != 0
    assert server.lets_in(ORDER, f"{NASTY}{ORDER}")


def test_no_password_is_an_argument_of_the_pages_command() -> None:
    """The shell puts nothing into it: mongosh reads them from its environment."""
    assert "$" not in LINE
    assert ON in LINE
