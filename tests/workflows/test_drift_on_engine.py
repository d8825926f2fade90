"""drift.sh on the real engine: what it finds, and what it must leave out because no role of its may see it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rehearsal.engine_rig import Rig, client, open_rig
from tests.workflows.files import SCRIPTS

pytestmark = pytest.mark.verify

# The program cannot be run by this command: there is no language host. It is compared with the state elsewhere.
PULUMI = """#!/usr/bin/env bash
if [[ $1 == preview ]]; then exit 0; fi
exec "$ENGINE" "$@"
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """With the stack in it; each test leaves it so, but for the last."""
    with open_rig(tmp_path_factory.mktemp("drift")) as opened:
        opened.stack().up()
        yield opened


def drift(rig: Rig, folder: Path) -> tuple[int, bool, str]:
    """The script's status, whether it found a difference, and what the engine said."""
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin/pulumi").write_text(PULUMI)
    (folder / "bin/pulumi").chmod(0o755)
    (folder / "drift/differs").unlink(missing_ok=True)
    settings = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "ENGINE": str(rig.engine),
        "STACK": "test",
        "PULUMI_HOME": str(rig.state / "home"),
        "PULUMI_BACKEND_URL": (rig.state / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(rig.state / "passphrase"),
        "PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{port}" for package, port in rig.ports.items()),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "HOME": str(folder),
    }
    done = subprocess.run(
        [SCRIPTS / "drift.sh", folder / "drift"],
        cwd=rig.state / "project", env=settings, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, (folder / "drift/differs").exists(), done.stdout + done.stderr


@contextmanager
def changed_security_group() -> Iterator[None]:
    ec2 = client("ec2")
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["db"]}])["SecurityGroups"]
    (before,) = group["Tags"]
    ec2.create_tags(Resources=[group["GroupId"]], Tags=[{"Key": "owner", "Value": "somebody"}])
    try:
        yield
    finally:
        ec2.create_tags(Resources=[group["GroupId"]], Tags=[before])


def test_what_was_changed_by_hand_is_found_and_nothing_is_written(rig: Rig, tmp_path: Path) -> None:
    assert drift(rig, tmp_path)[:2] == (0, False)
    before = rig.checkpoint.read_bytes()
    with changed_security_group():
        status, differs, said = drift(rig, tmp_path)
    assert (status, differs) == (0, True), said
    assert "owner" in said
    assert rig.checkpoint.read_bytes() == before


def test_a_stack_that_cannot_be_read_is_an_error(rig: Rig, tmp_path: Path) -> None:
    passphrase = rig.state / "passphrase"
    right = passphrase.read_text()
    passphrase.write_text("another")
    status, differs, said = drift(rig, tmp_path)
    passphrase.write_text(right)
    assert (status, differs) == (1, True), said


def test_rendered_objects_and_parameters_are_left_out(rig: Rig, tmp_path: Path) -> None:
    for path in rig.manifests.rglob("*.yaml"):
        path.unlink()
    client("ssm").delete_parameter(Name="/shop/password")
    status, differs, said = drift(rig, tmp_path)
    assert (status, differs) == (0, False), said
