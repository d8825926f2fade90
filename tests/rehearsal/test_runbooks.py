"""The runbooks' commands for Pulumi, as they stand there, on the engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.rehearsal.command_line import CommandLine, command_line, init_wealist
from tests.stacks import ROOT

pytestmark = pytest.mark.verify
RUNBOOKS = ROOT / "docs/runbooks"


def lines(page: str) -> list[str]:
    """The lines of a page's blocks; one that goes on in the next line is one."""
    text = (RUNBOOKS / page).read_text().replace("\\\n", " ")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def commands(page: str) -> list[str]:
    """Those that are Pulumi's."""
    return [line for line in lines(page) if line.startswith("pulumi ")]


def approved(command: str) -> str:
    """As it is typed where nobody is asked."""
    asks = re.match(r"pulumi (up|destroy|refresh|stack rm|state unprotect)\b", command)
    return f"{command} --yes" if asks else command


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """With wealist's part of prod, which has every kind of protection."""
    with command_line(tmp_path_factory.mktemp("runbooks")) as opened:
        init_wealist(opened)
        opened.succeed(approved(zones_first()))
        assert {"ns-2048.awsdns-64.com"} < set(json.loads(opened.succeed(SERVERS)))
        opened.succeed("PULUMI_SKIP_CHECKPOINTS=true pulumi up -s prod --yes --suppress-progress")
        yield opened


SERVERS = "pulumi stack output -s prod wealist --json | jq .name_servers"


def zones_first() -> str:
    """The first update of the first run's page, without eco2's zone."""
    (command,) = re.findall(r"^pulumi up .*--target.*$", (ROOT / "docs/first-run.md").read_text(), re.MULTILINE)
    return re.sub(r" --target '\*\*::eco2[^']*'", "", command)


def test_a_protected_stack_does_not_go_by_itself(shell: CommandLine) -> None:
    before = len(shell.cloud.left())
    done = shell("pulumi destroy -s prod --yes")
    assert done.returncode != 0
    assert "protect" in done.stdout + done.stderr
    assert len(shell.cloud.left()) == before > 150


def test_a_stack_is_taken_down_by_its_page(shell: CommandLine) -> None:
    page = commands("take-a-stack-down.md")
    assert [command.split()[1] for command in page] == ["config"] * 5 + ["up", "destroy", "stack"]
    for command in page:
        shell.succeed(f"PULUMI_SKIP_CHECKPOINTS=true {approved(command)}")
    assert shell.cloud.left() == {}
    assert shell.succeed("pulumi stack ls --json") == "[]\n"


@pytest.mark.parametrize("page", sorted(path.name for path in RUNBOOKS.glob("*.md")))
def test_a_page_names_its_stack_and_nothing_that_is_left_to_be_guessed(page: str) -> None:
    for command in commands(page):
        assert re.search(r" -s prod\b| rm prod\b", command), command
