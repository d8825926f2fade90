"""The manifests of a stack from its state: all of them, only the rendered ones, whole or not at all."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rehearsal.manifests import NotRendered
from rehearsal.rendered import main, write_rendered
from tests.stacks import ROOT

STACK = "urn:pulumi:prod::edge-platform::"


def config_map(name: str, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "auth"}
    return {
        "urn": f"{STACK}kubernetes:core/v1:ConfigMap::eco2-workloads-{name}",
        "type": "kubernetes:core/v1:ConfigMap",
        "inputs": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}},
        **more,
    }


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resources": [{"urn": f"{STACK}pulumi:pulumi:Stack::x", "type": "pulumi:pulumi:Stack"}, *resources]}


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_object_has_its_file_below_its_system(tmp_path: Path) -> None:
    assert write_rendered(state(config_map("one"), config_map("two")), tmp_path / "made") == 2
    assert files(tmp_path / "made") == [f"eco2/1-manifest/v1-configmap-auth-{name}.yaml" for name in ("one", "two")]


def test_what_stood_there_is_gone(tmp_path: Path) -> None:
    write_rendered(state(config_map("one"), config_map("two")), tmp_path / "made")
    write_rendered(state(config_map("two")), tmp_path / "made")
    assert files(tmp_path) == ["made/eco2/1-manifest/v1-configmap-auth-two.yaml"]


def test_what_is_about_to_be_deleted_is_not_written(tmp_path: Path) -> None:
    assert write_rendered(state(config_map("one", delete=True), config_map("two")), tmp_path / "made") == 1


def test_what_pulumi_applies_itself_is_not_written(tmp_path: Path) -> None:
    applied = config_map("one", custom=True, id="auth/one", provider=f"{STACK}pulumi:providers:kubernetes::cluster::1")
    assert write_rendered(state(applied), tmp_path / "made") == 0
    assert files(tmp_path / "made") == []


def test_an_object_that_is_registered_twice_is_named(tmp_path: Path) -> None:
    again = config_map("one", urn=f"{STACK}kubernetes:core/v1:ConfigMap::other-one")
    with pytest.raises(NotRendered, match="other-one: eco2-workloads-one is the same object"):
        write_rendered(state(config_map("one"), again), tmp_path / "made")


SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}, "ExternalSecret"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": SECRET}}, "holds a secret"),
        ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, "metadata.name is missing"),
    ],
)
def test_an_object_that_may_not_be_in_git_leaves_all_as_it_was(
    tmp_path: Path, inputs: dict[str, Any], words: str
) -> None:
    write_rendered(state(config_map("one")), tmp_path / "made")
    with pytest.raises(NotRendered, match=f"eco2-workloads-bad.*{words}"):
        write_rendered(state(config_map("one"), config_map("bad", inputs=inputs)), tmp_path / "made")
    assert files(tmp_path / "made") == ["eco2/1-manifest/v1-configmap-auth-one.yaml"]


def test_the_command_counts_for_the_workflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"version": 3, "deployment": state(config_map("one"))})))
    assert main([str(tmp_path / "made")]) == 0
    assert capsys.readouterr().out == "objects=1\n"


@pytest.mark.parametrize("text", ["", "error: no stack", "[]", "{}"])
def test_what_is_no_export_is_said_so(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main([str(tmp_path / "made")]) == 1
    assert "no `pulumi stack export`" in capsys.readouterr().err


def test_what_is_rendered_here_is_not_committed_beside_the_program() -> None:
    """It goes to a branch of its own (.github/scripts/publish.sh)."""
    asked = subprocess.run(["git", "check-ignore", "--quiet", "rendered/prod/anything.yaml"], cwd=ROOT, check=False)
    assert asked.returncode == 0
