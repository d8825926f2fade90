"""README's real path: `pulumi preview`, `up`, `refresh` and `destroy` as people type them, and as the pages have them typed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from infra.settings import SECRETS
from infra.settings.eco2 import KUBECONFIG
from tests.rehearsal.command_line import CommandLine, command_line
from tests.stacks import REGION

pytestmark = pytest.mark.verify

PROGRAM = """
import pulumi
import pulumi_aws as aws

from infra.components.cluster.objects import KubernetesObject
from infra.settings import load_settings

platform = load_settings().platform
owner = platform.tags.get("Owner", "nobody")
kept = pulumi.ResourceOptions(protect=platform.protect)
aws.ssm.Parameter("shop-note", name="/shop/note", type="String", value="open at nine", opts=kept)
for name in ("hours", "owner"):
    KubernetesObject(
        f"shop-{name}", "v1/ConfigMap", metadata={"name": name, "namespace": "shop"},
        body={"data": {"open": "nine"} if name == "hours" else {"owner": owner}}, opts=pulumi.ResourceOptions(),
    )
if "Extra" in platform.tags:
    aws.ssm.Parameter("shop-extra", name="/shop/extra", type="String", value=platform.tags["Extra"])
"""
SHOWN = """pulumi stack export -s dev | jq --raw-output '.deployment.pending_operations[]?.resource.urn'"""
NEEDED = [key for key in SECRETS if key != KUBECONFIG]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """With the small program's stack in it."""
    with command_line(tmp_path_factory.mktemp("command-line"), PROGRAM) as opened:
        opened.succeed("pulumi stack init dev")
        for key in NEEDED:
            opened.succeed(f"pulumi config set -s dev --secret {key}", stdin="a value\n")
        opened.succeed("pulumi up -s dev --yes")
        yield opened


def tagged(shell: CommandLine, **tags: str) -> None:
    """Change the stack file, as a pull request would."""
    path = shell.project / "Pulumi.dev.yaml"
    content = yaml.safe_load(path.read_text())
    content["config"]["edge-platform:platform"]["tags"] = tags
    path.write_text(yaml.safe_dump(content))


def parameters() -> dict[str, str]:
    """What the account has, as somebody beside the project sees it."""
    found = account().get_parameters_by_path(Path="/shop")["Parameters"]
    return {one["Name"]: one["Value"] for one in found}


def account() -> Any:
    return boto3.client("ssm", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")


def test_a_bad_stack_file_is_said_without_a_trace(tmp_path: Path) -> None:
    with command_line(tmp_path) as shell:
        shell.succeed("pulumi stack init dev")
        path = shell.project / "Pulumi.dev.yaml"
        path.write_text(path.read_text().replace("nat: single", "nat: double", 1))
        done = shell("pulumi preview -s dev")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert "wealist.network.nat: 'double' — allowed: 'none', 'single' or 'per_zone'" in done.stdout
    assert [key for key in NEEDED if f"`pulumi config set --secret {key}`" not in done.stdout] == []


def test_rendered_objects_come_from_the_state_whole_every_time(shell: CommandLine) -> None:
    folder = shell.project / "rendered/dev/shop/1-manifest"
    assert shell.succeed("make -s manifests STACK=dev") == "objects=2\n"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    tagged(shell, Owner="platform")
    assert "~ 1 to update" in shell.succeed("pulumi preview -s dev")
    shell.succeed("pulumi up -s dev --yes")
    shell.succeed("make -s manifests STACK=dev")
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name]] == ["v1-configmap-shop-owner.yaml"]


def test_manifests_of_a_stack_that_is_not_there_leave_all_as_it_was(shell: CommandLine) -> None:
    shell.succeed("make -s manifests STACK=dev")
    done = shell("make -s manifests STACK=unknown")
    assert done.returncode != 0
    assert "no stack named 'unknown' found" in done.stderr
    assert not (shell.project / "rendered/unknown").exists()


def test_drift_is_repaired_by_one_command_and_rendered_objects_do_not_hinder_it(shell: CommandLine) -> None:
    account().put_parameter(Name="/shop/note", Value="closed", Overwrite=True)
    said = shell.succeed("pulumi up -s dev --yes --refresh")
    assert parameters()["/shop/note"] == "open at nine"
    assert "unreachable" not in said
    assert "unchanged" in shell.succeed("pulumi refresh -s dev --yes --expect-no-changes")


@pytest.mark.parametrize("made", [False, True], ids=["not made", "made"])
def test_a_run_that_was_killed_is_taken_up_again(
    shell: CommandLine, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    """docs/runbooks/interrupted-update.md, to the letter."""
    tagged(shell, Extra=f"made: {made}")
    original = shell.cloud.create

    def killed_at_the_extra_one(urn: str, *arguments: Any) -> Any:
        if urn.endswith("shop-extra"):
            if made:
                original(urn, *arguments)
            os.kill(shell.engine_process, signal.SIGKILL)
        return original(urn, *arguments)

    monkeypatch.setattr(shell.cloud, "create", killed_at_the_extra_one)
    # One at a time: another operation under way would be pending too.
    assert shell("pulumi up -s dev --yes --parallel 1").returncode != 0
    monkeypatch.undo()
    assert "locked by 1 lock(s)" in shell("pulumi up -s dev --yes").stderr
    shell.succeed("pulumi cancel -s dev --yes")
    (urn,) = shell.succeed(SHOWN).splitlines()
    assert urn.endswith("::shop-extra")
    if made:
        account().delete_parameter(Name="/shop/extra")
    shell.succeed("pulumi refresh -s dev --yes --clear-pending-creates")
    assert shell.succeed(SHOWN) == ""
    said = shell.succeed("pulumi up -s dev --yes")
    assert "pending operations" not in said
    assert parameters() == {"/shop/note": "open at nine", "/shop/extra": f"made: {made}"}
    tagged(shell)
    shell.succeed("pulumi up -s dev --yes")
