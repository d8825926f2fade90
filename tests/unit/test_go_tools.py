"""Programs built from pinned Go modules: once, whole, and with a word about what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal.engine.build import find_engine
from tests.stacks import ROOT
from tools.go_tools import KUBE_APISERVER, KUBEADM, PULUMI, TOOLS, BuildFailed, GoTool, batches, build, find, main


@pytest.mark.parametrize("name", list(TOOLS))
def test_a_tool_is_pinned_by_its_module(name: str) -> None:
    tool = TOOLS[name]
    assert tool.version
    assert (tool.folder / "go.sum").exists()


def test_an_unknown_tool_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["terraform"]) == 2
    assert "unknown: terraform; there is pulumi" in capsys.readouterr().err


FAKE_GO = """#!/bin/sh
echo "$@" >> "$GO_LOG"
[ -z "$GOEXPERIMENT" ] || echo "with $GOEXPERIMENT" >> "$GO_LOG"
case "$1" in
env) echo "${GO_SAYS:-go1.26.1}" ;;
build)
  while [ "$1" != -o ]; do shift; done
  echo "some/package" >&2
  [ -z "$GO_SLOW" ] || sleep "$GO_SLOW"
  # One process, so that a signal to all of the group cannot miss one that is just being born.
  [ -z "$GO_HANGS" ] || exec sleep "$GO_HANGS"
  [ -z "$GO_FAILS" ] || { echo "no such module" >&2; exit 1; }
  target=$2; shift 2
  for package in "$@"; do
    case "$target" in */) made=$target${package##*/} ;; *) made=$target ;; esac
    printf '#!/bin/sh\\necho v1.2.3\\n' > "$made"
    chmod +x "$made"
  done ;;
esac
"""


@pytest.fixture
def go_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but a `go` that makes a pulumi out of nothing; what it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "go").write_text(FAKE_GO)
    (folder / "go").chmod(0o755)
    for tool in ("sh", "chmod", "sleep"):
        (folder / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GO_LOG", str(tmp_path / "go.log"))
    return tmp_path / "go.log"


def _builds(log: Path) -> int:
    return sum(line.startswith("build") for line in log.read_text().splitlines())


def test_the_engine_is_built_once_and_then_found(go_log: Path) -> None:
    assert find_engine() is None
    engine = build(PULUMI)
    assert build(PULUMI) == engine
    assert find_engine() == engine
    assert _builds(go_log) == 1


def test_a_built_engine_is_found_where_go_is_of_no_use(
    go_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = build(PULUMI)
    monkeypatch.setenv("GO_SAYS", "go1.19.8")
    assert find_engine() == engine
    (tmp_path / "bin/go").unlink()
    assert find_engine() == engine


def test_an_engine_on_path_comes_first_unless_it_does_not_run(go_log: Path, tmp_path: Path) -> None:
    built = build(PULUMI)
    on_path = tmp_path / "bin/pulumi"
    on_path.write_text("#!/bin/sh\nexit 1\n")
    on_path.chmod(0o755)
    assert find_engine() == built
    on_path.write_text("#!/bin/sh\necho v1.2.4\n")
    assert find_engine() == on_path


def test_a_build_cut_off_leaves_nothing_that_is_taken_for_an_engine(
    go_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = build(PULUMI)
    engine.write_text("")
    part = engine.with_name("pulumi.1.part")
    part.mkdir()
    assert find_engine() is None
    assert build(PULUMI) == engine
    assert sorted(os.listdir(engine.parent)) == ["lock", "pulumi"]


def test_an_interrupted_build_says_so_leaves_nothing_and_is_made_again(
    go_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GO_HANGS", "60")
    command = [sys.executable, "-m", "tools.go_tools", "pulumi"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        started = time.monotonic()
        while not (go_log.exists() and _builds(go_log)) and time.monotonic() - started < 20:
            time.sleep(0.01)
        # As a terminal does it: to the program and to what it has started.
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert printed == ""
    assert said.endswith("interrupted; what is compiled so far is kept for the next run\n")
    monkeypatch.delenv("GO_HANGS")
    assert find_engine() is None
    assert sorted(os.listdir(build(PULUMI).parent)) == ["lock", "pulumi"]


def test_two_that_build_the_same_at_once_build_it_once(go_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_SLOW", "0.2")
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(build, [PULUMI, PULUMI])
    assert first == second == find_engine()
    assert _builds(go_log) == 1


def test_programs_of_one_module_are_built_by_one_command(go_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pulumi", "kubeadm", "kube-apiserver"]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()] == ["pulumi", "kubeadm", "kube-apiserver"]
    assert _builds(go_log) == 2
    for path in find(KUBEADM), find(KUBE_APISERVER):
        assert path
        path.unlink()
        build(KUBEADM)
        build(KUBE_APISERVER)
    assert _builds(go_log) == 4, "what is there is not built again"


@pytest.mark.parametrize("batch", batches(TOOLS.values()), ids=lambda batch: batch[0].name)
def test_go_calls_programs_that_it_builds_together_as_we_do(batch: list[GoTool]) -> None:
    assert len(batch) == 1 or [tool.package.rpartition("/")[2] for tool in batch] == [tool.name for tool in batch]


def test_a_program_is_compiled_with_the_experiment_of_gos_that_its_source_needs(go_log: Path) -> None:
    build(PULUMI)
    assert "with jsonv2" not in go_log.read_text()
    build(replace(PULUMI, name="other", experiment="jsonv2"))
    assert "with jsonv2" in go_log.read_text()


def test_another_lock_is_another_program(go_log: Path, tmp_path: Path) -> None:
    module = tmp_path / "engine"
    module.mkdir()
    for name in ("go.mod", "go.sum"):
        (module / name).write_text((PULUMI.folder / name).read_text())
    same = replace(PULUMI, root=tmp_path)
    assert build(same) == build(PULUMI)
    (module / "go.sum").write_text("another lock\n")
    assert build(same) != build(PULUMI)
    assert _builds(go_log) == 2


def test_a_failed_build_says_what_go_said(go_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_FAILS", "1")
    with pytest.raises(BuildFailed, match="no such module"):
        build(PULUMI)
    assert find_engine() is None


def test_go_too_old_or_not_there_is_said(go_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_SAYS", "go1.19.8")
    with pytest.raises(BuildFailed, match=r"needs Go 1\.25 or newer; this one is go1\.19\.8"):
        build(PULUMI)
    (tmp_path / "bin/go").unlink()
    with pytest.raises(BuildFailed, match="there is none"):
        build(PULUMI)
