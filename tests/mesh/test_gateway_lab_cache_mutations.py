"""Each line of the cache's configuration that protects somebody, taken out once: what holds with it does not without."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.mesh import gateway_lab
from tests.mesh.cache import KEPT, Rendered, Tried, came_by, fresh, origin, rendered, varnish
from tests.mesh.client import send

pytestmark = pytest.mark.judges
MAIN, OWN = "default.vcl", "own.vcl"


def each_time(
    headers: dict[str, str], status: int = 200, sent: tuple[str, str] | None = None
) -> Callable[[Tried], bool]:
    """Whether such an answer is asked for anew, for whoever comes next."""

    def holds(tried: Tried) -> bool:
        path = fresh()
        tried.ask(path, [sent] if sent else [], status=status, headers=headers, body="one")
        return tried.ask(path, headers=KEPT, body="two").body == b"two"

    return holds


def stays(header: str) -> Callable[[Tried], bool]:
    return lambda tried: tried.ask(fresh(), [(header, "evil.example")]).values(header) == []


def one_host(tried: Tried) -> bool:
    path = fresh()
    tried.ask(path, headers=KEPT)
    return came_by(send(tried.cache.read, "GET", path, [("host", "evil.example")])) == "hit"


def no_post(tried: Tried) -> bool:
    before = tried.asked
    return tried.ask(fresh(), method="POST", content=b"x").status == 405 and tried.asked == before


def nothing_read(tried: Tried) -> bool:
    path = fresh()
    tried.ask(path, headers=KEPT, body="one")
    return tried.purge(path, method="GET").status == 405 and came_by(tried.ask(path)) == "hit"


def no_expression(tried: Tried) -> bool:
    path = fresh()
    tried.ask(path, headers=KEPT)
    # As an expression: all that starts with a slash.
    return tried.purge("/(.*)|(x*").status == 400 and came_by(tried.ask(path)) == "hit"


def bounded(tried: Tried) -> bool:
    path = fresh()
    tried.ask(path, headers={"cache-control": "public, max-age=301"})
    return came_by(tried.ask(path, headers={"cache-control": "public, max-age=301"})) == "miss"


def says_json(tried: Tried) -> bool:
    tried.origin.echo.down = True
    try:
        return tried.ask(fresh()).headers.get("content-type", "").startswith("application/json")
    finally:
        tried.origin.echo.down = False


def tells_nothing(tried: Tried) -> bool:
    return not {"via", "x-varnish", "x-kept-path"} & tried.ask(fresh(), headers=KEPT).headers.keys()


@dataclass(frozen=True, kw_only=True)
class Spoiled:
    """`old`, once in that file, becomes `new`; then `holds` does not. `first` is changed in both."""

    name: str
    old: str
    new: str = ""
    holds: Callable[[Tried], bool]
    file: str = MAIN
    first: tuple[str, str] = ("", "")


SPOILED = [
    Spoiled(name="what is declared by nobody is kept", holds=each_time({"cache-control": "max-age=300"}),
            old='beresp.http.Cache-Control !~ "(?i)(^|[\\s,])(public|s-maxage=[0-9]+)\\s*(,|$)"\n        || '),
    Spoiled(name="what is private is kept", holds=each_time({"cache-control": "public, private, max-age=300"}),
            old='\n        || beresp.http.Cache-Control ~ "(?i)private|no-store|no-cache"'),
    Spoiled(name="a cookie is kept", old="\n        || beresp.http.Set-Cookie", holds=each_time({**KEPT, "set-cookie": "a=b"})),
    Spoiled(name="what varies by anything is kept",
            old='\n        || beresp.http.Vary ~ "\\*"', holds=each_time({**KEPT, "vary": "*"})),
    Spoiled(name="errors are kept", old="beresp.status != 200", new="false", holds=each_time(KEPT, 404)),
    Spoiled(name="another's token is no other's", old="if (req.http.Authorization)", new="if (false)",
            holds=each_time(KEPT, sent=("authorization", "Bearer secret"))),
    Spoiled(name="whatever is sent goes on", old="    unset req.http.x-dropped;\n", new="", holds=stays("x-dropped")),
    Spoiled(name="one more header goes on", old="x-request-id):",
            new="x-request-id|x-forwarded-host):", holds=stays("x-forwarded-host")),
    Spoiled(name="each host is a key", old="    call of_one_host;\n", new="    if (false) { call of_one_host; }\n", holds=one_host),
    Spoiled(name="writes come by it", old='req.method != "GET" && req.method != "HEAD"', new="false", holds=no_post),
    Spoiled(name="purges are reads", old='if (req.method != "PURGE")', new="if (false)", holds=nothing_read),
    Spoiled(name="a purge is any expression", old='req.url !~ "^/[A-Za-z0-9/._~%-]*\\*?$"', new="false", holds=no_expression),
    Spoiled(name="nothing bounds how long", file=OWN, old="set beresp.ttl = 0s", new="set beresp.ttl = beresp.ttl", holds=bounded,
            first=("set beresp.ttl = 300s", "set beresp.ttl = 0s")),
    Spoiled(name="an error of its own is no JSON", old='    set beresp.http.Content-Type = "application/json; charset=utf-8";\n',
            holds=says_json),
    Spoiled(name="it tells of itself", old="    unset resp.http.X-Varnish;\n", holds=tells_nothing),
]  # fmt: skip


@pytest.fixture(scope="module")
def what(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return rendered(gateway_lab.objects(tmp_path_factory))


@pytest.mark.parametrize("spoiled", SPOILED, ids=lambda one: one.name)
def test_it_is_noticed(spoiled: Spoiled, what: Rendered, tmp_path: Path) -> None:
    whole = what.files[spoiled.file].replace(*spoiled.first) if spoiled.first[0] else what.files[spoiled.file]
    assert whole.count(spoiled.old) == 1
    texts: dict[str, Any] = {"whole": whole, "spoiled": whole.replace(spoiled.old, spoiled.new)}
    found = {}
    for name, text in texts.items():
        with ExitStack() as stack:
            behind = stack.enter_context(origin())
            files = {**what.files, spoiled.file: text}
            running = varnish(tmp_path, stack, name, replace(what, files=files), behind.port)
            found[name] = spoiled.holds(Tried(running, behind))
    assert found == {"whole": True, "spoiled": False}
