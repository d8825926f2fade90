"""The gateway lab's cache on the rig: Varnish with the configuration and the arguments that are rendered for it.

What is changed, because a laptop is no cluster: its folders, the ports of loopback by which it is reached, and where the product
service is, which in a pod is its own proxy.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.systems.gateway_lab.cache import CACHE, CONFIG, HEALTH, PURGE_PORT, READ_PORT, WORK
from infra.systems.gateway_lab.document import PRODUCT, SERVICES
from tests.mesh.client import Answer, send
from tests.mesh.manifests import Manifest, named, pod_of
from tests.mesh.processes import Program
from tests.mesh.rig import Start
from tests.mesh.servers import Server, get
from tests.mesh.upstreams import Echo, Loop
from tests.ports import free_port
from tests.tools import required_command

KEPT = {"cache-control": "public, max-age=300"}
"""How the service declares that an answer is everybody's."""

_numbers = itertools.count()
(_SERVICE,) = [one for one in SERVICES if one.name == PRODUCT]
_ADDRESS = f'.host = "{PRODUCT}.gateway-lab.svc.cluster.local";'
_PORT = f'.port = "{_SERVICE.port}";'


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """The cache's files by their names, and its program's arguments."""

    files: Mapping[str, str]
    arguments: Sequence[str]


def rendered(objects: Sequence[Manifest]) -> Rendered:
    """As its pod has them."""
    pod = pod_of(named(objects, "Deployment", CACHE)) or {}
    (container,) = pod["spec"]["containers"]
    return Rendered(files=named(objects, "ConfigMap", CACHE)["data"], arguments=container["args"])


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A running cache: its two ways in, on loopback."""

    server: Server
    read: tuple[str, int]
    purge: tuple[str, int]


def varnish(folder: Path, stack: ExitStack, name: str, what: Rendered, origin: int) -> Cache:
    """Before the product service at that port of loopback; it ends with the stack."""
    read, purge = free_port(), free_port()
    config = folder / name
    config.mkdir()
    moved = {_ADDRESS: '.host = "127.0.0.1";', _PORT: f'.port = "{origin}";'}
    for file, text in what.files.items():
        (config / file).write_text(_replaced(text, moved) if file == "own.vcl" else text)
    here = {
        f"http=:{READ_PORT},": f"http=127.0.0.1:{read},",
        f"purge=:{PURGE_PORT},": f"purge=127.0.0.1:{purge},",
        CONFIG: str(config),
        WORK: str(config / "work"),
    }
    arguments = _replaced("\n".join(what.arguments), here).split("\n")
    program = Program([required_command("varnishd"), *arguments], folder / f"{name}.log")
    stack.callback(program.stop)
    # Its socket is open before it has compiled what it is to do.
    program.wait(lambda: get(f"http://127.0.0.1:{read}{HEALTH}") is not None)
    server = Server(name=name, program=program, port=read, ready=lambda: _listens(read))
    return Cache(server=server, read=("127.0.0.1", read), purge=("127.0.0.1", purge))


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        if text.count(old) != 1:
            raise LookupError(f"{old} is {text.count(old)} times in what is rendered")
        text = text.replace(old, new)
    return text


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Origin:
    """The product service as the cache's own proxy would pass its questions on: it counts them, and says what it saw."""

    echo: Echo
    port: int


@contextmanager
def origin() -> Iterator[Origin]:
    """Until the end of the block."""
    loop, echo = Loop(), Echo(PRODUCT)
    try:
        yield Origin(echo, loop.listen(echo.serve, "127.0.0.1", 0, None))
    finally:
        loop.stop()


def caches(what: Rendered, port: int, seen: Callable[[Cache], None] = lambda _: None) -> dict[str, Start]:
    """Programs for the rig: both of its pods, before one product service."""

    def start(name: str) -> Start:
        def begin(folder: Path, stack: ExitStack) -> Server:
            made = varnish(folder, stack, name, what, port)
            seen(made)
            return made.server

        return begin

    return {name: start(name) for name in (f"{CACHE}-1", f"{CACHE}-2")}


@dataclass(frozen=True)
class Tried:
    """A cache and what is behind it."""

    cache: Cache
    origin: Origin

    def ask(
        self,
        target: str,
        sent: Sequence[tuple[str, str]] = (),
        /,
        *,
        method: str = "GET",
        content: bytes = b"",
        **told: Any,
    ) -> Answer:
        """What comes back; `told` is how the service answers, if it is asked (see `upstreams.ANSWER`)."""
        self.origin.echo.answers = told
        return send(self.cache.read, method, target, [("host", "lab.eco2.example.com"), *sent], content)

    def purge(self, target: str, headers: Sequence[tuple[str, str]] = (), *, method: str = "PURGE") -> Answer:
        return send(self.cache.purge, method, target, [("host", "product-cache-purge"), *headers])

    @property
    def asked(self) -> int:
        """How many requests got to the service."""
        return self.origin.echo.requests


def fresh(more: str = "") -> str:
    """A product that nobody asked for yet."""
    return f"/api/v1/products/{next(_numbers)}{more}"


def came_by(answer: Answer) -> str:
    return answer.headers.get("x-cache", "")
