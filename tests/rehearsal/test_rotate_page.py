"""The page of secrets: its first commands draw one secret anew, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.rehearsal.command_line import CommandLine, command_line
from tests.rehearsal.test_runbooks import approved, commands

pytestmark = pytest.mark.judges

PROGRAM = """
import pulumi_aws as aws
import pulumi_random as random

for service in ("scan", "image"):
    drawn = random.RandomPassword(f"eco2-postgres-{service}-password", length=40, special=False)
    aws.ssm.Parameter(
        f"eco2-parameters-{service}", name=f"/eco2/prod/{service}", type="SecureString", value=drawn.result
    )
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with command_line(tmp_path_factory.mktemp("rotate"), PROGRAM) as opened:
        opened.succeed("pulumi stack init prod")
        opened.succeed("pulumi up -s prod --yes")
        yield opened


def test_one_secret_is_drawn_anew_and_no_other(shell: CommandLine) -> None:
    """In the preview, since the embedded cloud derives what it draws from the name."""
    preview, up = [command for command in commands("rotate-secrets.md") if "scan" in command]
    steps = json.loads(shell.succeed(f"{preview} --json"))["steps"]
    changed = {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"}
    assert changed.keys() == {"eco2-postgres-scan-password", "eco2-parameters-scan"}
    assert changed["eco2-parameters-scan"] == "update"
    assert "1 replaced" in shell.succeed(approved(up))
