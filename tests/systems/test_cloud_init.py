"""What cloud-init is given, whole as a machine gets it: a shell script, so that its schema for `#cloud-config` asks nothing."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.components.aws.scripts import USER_DATA_LIMIT
from rehearsal.recording import Recording
from tests.tools import required_command


def user_data(recording: Recording) -> Mapping[str, bytes]:
    """By the name of the instance or launch template."""
    return {
        resource.name: base64.b64decode(value)
        for resource in recording
        for key in ("user_data", "user_data_base64", "userData", "userDataBase64")
        if isinstance(value := resource.inputs.get(key), str)
    }


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_every_machine_gets_a_script_that_bash_can_read(stack: str, request: pytest.FixtureRequest) -> None:
    found = user_data(request.getfixturevalue(stack))
    assert len(found) >= 14
    for name, content in found.items():
        # What begins otherwise is a document, with a schema to be held to.
        assert content.startswith(b"#!/bin/bash\n"), name
        assert len(content) <= USER_DATA_LIMIT, name
        read = subprocess.run(["bash", "-n"], input=content, capture_output=True, check=False)
        assert read.returncode == 0, f"{name}: {read.stderr.decode()}"


def test_shellcheck_finds_nothing_in_the_whole_of_it(prod: Recording, tmp_path: Path) -> None:
    """The parts are checked as files; joined, a part may undo what another one set."""
    beside = Path(sys.executable).parent / "shellcheck"
    found, paths = user_data(prod), []
    for name in ("wealist-backend-template", "wealist-monitoring-template", "eco2-k8s-master-instance"):
        paths.append(tmp_path / f"{name}.sh")
        paths[-1].write_bytes(found[name])
    program = beside if beside.exists() else required_command("shellcheck")
    # SC2034: some settings are for what a script downloads and runs.
    command: list[str | Path] = [program, "--severity=warning", "--exclude=SC2034", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
