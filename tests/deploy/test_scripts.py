"""Rendering of user data and SSM documents from bash files."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

from infra.components.aws.scripts import (
    USER_DATA_LIMIT,
    embed,
    embed_directory,
    render_command_document,
    render_script,
    render_user_data,
)


def bash(script: str) -> str:
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout


def test_settings_follow_the_only_shebang(tmp_path: Path) -> None:
    first, second = tmp_path / "a.sh", tmp_path / "b.sh"
    first.write_text("#!/bin/bash\necho one\n")
    second.write_text("#!/usr/bin/env bash\necho two")
    script = render_script([first, "echo text", second], {"NAME": "x"})
    assert script == "#!/bin/bash\nreadonly NAME='x'\necho one\necho text\necho two\n"


@pytest.mark.parametrize("value", ["", "plain", "it's", '"$HOME" `id` \\', "a\nb", "한글"])
def test_a_setting_reaches_the_shell_as_it_is(value: str) -> None:
    assert bash(render_script(['printf "%s" "$V"'], {"V": value})) == value


@pytest.mark.parametrize("name", ["", "lower", "1X", "A-B", "A;id", "A\n"])
def test_a_bad_setting_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="setting") as refusal:
        render_script([], {name: "x"})
    assert repr(name) in str(refusal.value)


def test_user_data_is_the_plain_script_in_base64() -> None:
    assert base64.b64decode(render_user_data(["echo 한글"], {})).decode() == "#!/bin/bash\necho 한글\n"


def test_user_data_may_fill_the_limit_but_not_pass_it() -> None:
    room = USER_DATA_LIMIT - len("#!/bin/bash\n") - 1
    assert len(base64.b64decode(render_user_data(["x" * room], {}))) == USER_DATA_LIMIT
    with pytest.raises(ValueError, match=rf"{USER_DATA_LIMIT + 1} bytes.*{USER_DATA_LIMIT}.*shorten"):
        render_user_data(["x" * (room + 1)], {})


def test_the_limit_counts_bytes_not_characters() -> None:
    with pytest.raises(ValueError, match="bytes"):
        render_user_data(["한" * (USER_DATA_LIMIT // 2)], {})


def test_a_command_document_carries_the_script_line_by_line() -> None:
    document = json.loads(render_command_document("#!/bin/bash\necho 'a'\n", "says a", 90))
    assert document["schemaVersion"] == "2.2"
    assert document["description"] == "says a"
    (step,) = document["mainSteps"]
    assert step["action"] == "aws:runShellScript"
    assert step["inputs"] == {"timeoutSeconds": "90", "runCommand": ["#!/bin/bash", "echo 'a'"]}


def test_a_command_document_refuses_what_ssm_would_replace() -> None:
    with pytest.raises(ValueError, match="document parameter"):
        render_command_document("docker ps --format '{{.Names}}'", "", 60)


@pytest.mark.parametrize("text", ["a\n", "no newline", "'$HOME' `id` \\\n\n", "EOF\nEND_\n", ""])
def test_embedded_text_is_printed_unchanged_but_for_a_final_newline(text: str) -> None:
    assert bash(embed("show", text) + "show") == (text if text.endswith("\n") else text + "\n")


def test_embedded_text_that_holds_a_whole_embedding_survives() -> None:
    inner = embed("show", "a\n")
    assert bash(embed("show", inner) + "show") == inner


@pytest.mark.parametrize("name", ["", "Upper", "a b", "a;id"])
def test_a_bad_function_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="function name"):
        embed(name, "x")


def test_a_directory_becomes_one_function_per_file(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("c: 1\n")
    (tmp_path / "Up-now.sh").write_text("echo up\n")
    parts = embed_directory(tmp_path)
    assert bash(render_script([*parts, "file_compose_yaml; file_up_now_sh"], {})) == "c: 1\necho up\n"
