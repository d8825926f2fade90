"""The rig's own promises."""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.mesh import eco2
from tests.mesh.cases import Case, judge
from tests.mesh.client import Answer, send
from tests.mesh.eco2_cases import HOST
from tests.mesh.manifests import Manifest, named
from tests.mesh.processes import Program, wait_until
from tests.mesh.rig import Backends, Edge, warnings_in
from tests.mesh.upstreams import ANSWER, ATTEMPT, Echo, Loop
from tests.stacks import ROOT
from tests.tools import missing

STARTS_A_PROGRAM = """
import sys, time
from pathlib import Path
from tests.mesh.processes import Program

program = Program(["/bin/sh", "-c", "echo $$ > $0; exec sleep 300", sys.argv[1]], Path(sys.argv[1] + ".log"))
time.sleep(300)
"""


def _runs(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_programs_end_when_the_tests_are_killed(tmp_path: Path) -> None:
    if not shutil.which("setpriv"):
        missing("setpriv is not installed")
    note = tmp_path / "process"
    with subprocess.Popen([sys.executable, "-c", STARTS_A_PROGRAM, note], cwd=ROOT) as tests:
        wait_until(lambda: note.exists() and note.read_text().endswith("\n"), "the program to start")
        program = int(note.read_text())
        assert _runs(program)
        os.kill(tests.pid, signal.SIGKILL)
    wait_until(lambda: not _runs(program), "the program to end", patience=5)


def test_a_program_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    program = Program(["/bin/sh", "-c", "echo no such flag; exit 3"], tmp_path / "log")
    with pytest.raises(RuntimeError, match="sh ended with 3:\nno such flag"):
        program.wait(lambda: False)


class _Echoing:
    """An edge that passes all on to one upstream."""

    def __init__(self) -> None:
        self.backends = SimpleNamespace(recover=lambda: None, switches={}, echoes={}, attempts=Counter())

    def send(self, _method: str, _target: str, headers: Sequence[tuple[str, str]], *_: object, **__: object) -> Answer:
        return Answer(200, {}, json.dumps({"service": "my-api", "headers": headers}).encode())


def test_a_case_expects_the_token_that_it_sent_also_a_second_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.mesh.tokens.time.time", partial(next, itertools.count(1_700_000_000)))
    sent = [("authorization", "Bearer {valid}")]
    case = Case(name="x", target="/", status=200, host=HOST, headers=sent, service="my-api", sees=dict(sent))
    assert judge(cast(Edge, _Echoing()), case) == ""


@pytest.mark.parametrize("asked", [(0, 1, 0), (0, 0, 0)], ids=["the other pod", "the same pod"])
def test_a_service_refuses_so_often_as_it_was_told_whichever_pod_is_asked(asked: Sequence[int]) -> None:
    told = [(ATTEMPT, "1"), (ANSWER, json.dumps({"status": 503, "times": 2}))]
    loop, attempts = Loop(), Counter[str]()
    try:
        ports = [loop.listen(Echo("orders", attempts).serve, "127.0.0.1", 0, None) for _ in range(2)]
        answers = [send(("127.0.0.1", ports[pod]), "GET", "/", told).status for pod in asked]
    finally:
        loop.stop()
    assert (answers, attempts) == ([503, 503, 200], Counter({"1": 3}))


def _reached(edge: Edge) -> tuple[int, str]:
    answer = edge.send("GET", "/api/v1/scan/docs", host=HOST)
    return answer.status, answer.headers.get("x-release", "")


@pytest.mark.verify
def test_a_changed_object_reaches_the_gateway_and_one_that_cannot_be_read_changes_nothing(
    eco2_objects: list[Manifest], eco2_backends: Backends, tmp_path: Path
) -> None:
    route = copy.deepcopy(named(eco2_objects, "VirtualService", "scan-vs"))
    mesh = eco2.mesh_configuration(eco2_objects)
    with Edge(eco2_backends, eco2.gateway(eco2_objects), eco2_objects, mesh, tmp_path) as edge:
        assert _reached(edge) == (200, "")
        route["spec"]["http"][0]["headers"] = {"response": {"set": {"x-release": "2"}}}
        edge.change(route)
        wait_until(lambda: _reached(edge) == (200, "2"), "the change", patience=5)
        route["spec"]["http"] = "none"
        with pytest.raises(RuntimeError, match=r"took no change: .*scan-vs"):
            edge.change(route)
        assert _reached(edge) == (200, "2")


def test_what_the_control_planes_own_cluster_stumbles_over_is_no_warning() -> None:
    """Its controller makes the classes of gateways twice when it is woken twice, and tries again."""
    said = "2026-11-21T22:01:26.409849Z\terror\tcontrollers\terror handling {}, retrying (retry count: 1): {}"
    twice = 'gatewayclasses.gateway.networking.k8s.io "istio-remote" already exists\tcontroller=gateway class'
    other = said.format("my-vs", "no such host")
    assert warnings_in([said.format("istio", twice), other, other.replace("error", "info")]) == [other]
