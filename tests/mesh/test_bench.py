"""`make bench-mesh`, with durations that say nothing of speed: every variant serves, and the figures are figures."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.systems.eco2.document import SERVICES
from tests.mesh.bench.__main__ import main
from tests.mesh.bench.growth import grown
from tests.mesh.bench.load import Load, NotServed, shoot
from tests.mesh.bench.variants import variants
from tests.mesh.manifests import Manifest

pytestmark = pytest.mark.judges

TINY = [
    "--rounds",
    "1",
    "--seconds",
    "0.1",
    "--connections",
    "2",
    "--rate",
    "100",
    "--sizes",
    "1",
    "3",
    "--changes",
    "2",
]
NAMES = ["bare route", "+ access log", "+ normalised, stripped", "+ Lua: cookie to header", "+ default deny",
         "+ ext-authz (eco2)", "+ JWT, RS256", "+ rate limit"]  # fmt: skip


@pytest.fixture(scope="module")
def results(eco2_objects: list[Manifest], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("bench") / "figures/bench.json"
    assert main([*TINY, "--out", str(out)], eco2_objects) == 0
    assert [path.name for path in out.parent.iterdir()] == ["bench.json"]
    return dict(json.loads(out.read_text()))


def test_every_variant_served_and_is_compared_with_the_bare_route(results: dict[str, Any]) -> None:
    assert [one["variant"] for one in results["load"]] == NAMES
    assert results["load"][0]["ratios"] == [1.0]
    for one in results["load"]:
        (figures,) = one["rounds"]
        # A short load may take less of a processor than the kernel counts in.
        assert figures.pop("cpu_us") >= 0, one
        assert all(math.isfinite(each) and each > 0 for each in [*figures.values(), *one["ratios"]]), one
        assert figures["p50"] <= figures["p99"]


def test_a_change_arrives_and_more_services_are_more_to_send(results: dict[str, Any]) -> None:
    small, large = results["growth"]
    assert (small["services"], large["services"]) == (len(SERVICES), 3 * len(SERVICES))
    assert 0 < small["configuration_bytes"] < large["configuration_bytes"]
    # The first change also gets what a busy machine sent late of the configuration.
    assert 0 < min(small["change_bytes"]) < min(large["change_bytes"])
    assert 0 < small["allocated_bytes"] < large["allocated_bytes"]
    assert all(0 < one["change_ms"][0] < 5000 for one in (small, large))


def test_the_figures_name_the_versions_that_they_are_of(results: dict[str, Any]) -> None:
    assert all(results["versions"].values())
    assert results["machine"]["processors"]


def test_one_variant_is_eco2_as_rendered(eco2_objects: list[Manifest]) -> None:
    found = {one.name: one.objects for one in variants(eco2_objects)}
    assert found["+ ext-authz (eco2)"] == eco2_objects
    sizes = [len(objects) for objects in found.values()]
    assert sizes == sorted(sizes)
    assert sizes[0] == len(eco2_objects) - 7


def test_copies_of_services_have_names_and_paths_of_their_own(eco2_objects: list[Manifest]) -> None:
    objects = grown(eco2_objects, 3)
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]
    assert len(set(names)) == len(names)
    prefixes = [str(one["spec"]["http"]) for one in objects if one["kind"] == "VirtualService"]
    assert len(set(prefixes)) == len(prefixes) == 3 * len(SERVICES)


@pytest.fixture
def refusing() -> Iterator[tuple[str, int]]:
    """A server that serves nobody."""

    class Refuse(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield ("127.0.0.1", server.server_port)
    server.shutdown()


def test_what_is_refused_gives_no_figures(refusing: tuple[str, int]) -> None:
    with pytest.raises(NotServed, match=r"/x answered 401: \d+$"):
        shoot(refusing, "/x", [], Load(seconds=0.1, connections=1))


def test_a_program_that_is_missing_is_named(
    eco2_objects: list[Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main([*TINY, "--out", str(tmp_path / "bench.json")], eco2_objects) == 1
    assert "is not built" in capsys.readouterr().out
    assert not (tmp_path / "bench.json").exists()
