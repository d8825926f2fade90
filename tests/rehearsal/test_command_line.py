"""README's real path: `pulumi preview`, `up`, `refresh` and `destroy` as people type them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.settings import SECRETS
from infra.settings.eco2 import KUBECONFIG
from tests.rehearsal.command_line import CommandLine, command_line

pytestmark = pytest.mark.verify


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with command_line(tmp_path_factory.mktemp("command-line")) as opened:
        opened.succeed("pulumi stack init dev")
        yield opened


def test_a_bad_stack_file_is_said_without_a_trace(shell: CommandLine) -> None:
    path = shell.project / "Pulumi.dev.yaml"
    before = path.read_text()
    path.write_text(before.replace("nat: single", "nat: double", 1))
    done = shell("pulumi preview -s dev")
    path.write_text(before)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert "wealist.network.nat: 'double' — allowed: 'none', 'single' or 'per_zone'" in done.stdout
    missing = [key for key in SECRETS if key != KUBECONFIG]
    assert [key for key in missing if f"`pulumi config set --secret {key}`" not in done.stdout] == []
