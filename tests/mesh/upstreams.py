"""The far side of the proxy: services that say what reached them, and switches that make a real service slow or unreachable."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ATTEMPT = "x-test-attempt"
"""A client's mark on a request, by which an upstream counts how often it came; with `drop` in it, it is never answered."""

ANSWER = "x-test-answer"
"""How the upstream is to answer this request: JSON with `status`, `delay` (s), `headers`, `body`, and `times`: only so often,
whichever pod gets it: a retry may come to the one that has refused (Envoy draws five times for another, which may be set aside).

Without a `body`, and once it was `times` before, it answers with what it saw.
"""


class Addresses:
    """Loopback addresses that nobody else uses: each service has its own, and so its real port."""

    def __init__(self, *ports: int) -> None:
        while True:
            self._prefix = f"127.{random.randint(64, 254)}.{random.randint(0, 254)}"  # noqa: S311
            if all(_is_free(f"{self._prefix}.{last}", port) for last in (1, 2, 3) for port in ports):
                break
        self._next = 0

    def take(self) -> str:
        self._next += 1
        return f"{self._prefix}.{self._next}"


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


class Loop:
    """One event loop in a thread of its own, for everything that listens."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def listen(self, handler: Handler, address: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen; 0 takes a free port, which is returned."""

        async def start() -> asyncio.Server:
            return await asyncio.start_server(handler, address, port, ssl=tls, limit=1 << 20, backlog=512)

        server = self.run(start())
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


@dataclass
class Echo:
    """Answers every request with what it was, as JSON; upgraded connections get back what they send.

    Pods behind one edge share `attempts`. `answers` is how it answers those that say nothing of it themselves (see `ANSWER`),
    with `every` only each so many-th of them; when it is `down`, it hangs up at once.
    """

    name: str
    attempts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    down: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request by request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self.down:
            return False
        head = await reader.readuntil(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")[:-2]
        method, path, _ = line.split(" ", 2)
        headers = [(name.lower(), value.strip()) for name, _, value in (one.partition(":") for one in rest)]
        size = await _body(reader, dict(headers))
        mark = dict(headers).get(ATTEMPT, "")
        self.attempts[mark] += 1
        self.requests += 1
        if "drop" in mark or self.down:
            return False
        if dict(headers).get("upgrade", "").lower() == "websocket":
            await self._upgraded(reader, writer)
            return False
        seen = {"service": self.name, "method": method, "path": path, "headers": headers, "bytes": size}
        told = json.loads(dict(headers).get(ANSWER, "{}")) or self.answers
        if self.requests % told.get("every", 1):
            told = {}
        if self.attempts[mark] > told.get("times", self.attempts[mark]):
            told = {}
        await asyncio.sleep(told.get("delay", 0))
        body = told.get("body", json.dumps({**seen, "caller": _caller(writer)})).encode()
        writer.write(_response(told.get("status", 200), told.get("headers", {}), body, with_body=method != "HEAD"))
        await writer.drain()
        return True

    async def _upgraded(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


def _response(status: int, headers: Mapping[str, str], body: bytes, *, with_body: bool) -> bytes:
    given = {"content-type": "application/json", **headers, "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status} Answer\r\n{lines}\r\n".encode() + (body if with_body else b"")


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> int:
    """The number of bytes of a request's body, which is read and forgotten."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        size = int(headers.get("content-length", 0))
        left = size
        while left:
            left -= len(await reader.readexactly(min(left, 1 << 16)))
        return size
    total = 0
    while size := int((await reader.readline()).split(b";")[0], 16):
        await reader.readexactly(size + 2)
        total += size
    await reader.readline()
    return total


def _caller(writer: asyncio.StreamWriter) -> str:
    """The caller's identity, as its certificate says."""
    certificate = writer.get_extra_info("peercert") or {}
    return next((value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"), "")


Mode = Literal["open", "slow", "closed", "silent"]


class Switch:
    """Stands before a real server, as its sidecar would: takes mutual TLS, and passes on what it reads.

    `slow` holds back what the server answers for `delay` seconds; `closed` hangs up at once; `silent` never answers.
    """

    def __init__(self, loop: Loop, target: tuple[str, int], delay: float = 0.4) -> None:
        self._loop, self._target, self._delay = loop, target, delay
        self._mode: Mode = "open"
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        """From now on, also for those that are connected: they are cut off."""
        self._mode = mode
        self._loop.run(self._cut())

    @contextlib.contextmanager
    def pointed_at(self, target: tuple[str, int]) -> Iterator[None]:
        """Another server stands in for the real one, until the end of the block."""
        real, self._target = self._target, target
        self._loop.run(self._cut())
        try:
            yield
        finally:
            self._target = real
            self._loop.run(self._cut())

    async def _cut(self) -> None:
        for writer in list(self._writers):
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "closed":
            writer.close()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer, back=False), self._pass(far_reader, writer, back=True))
        self._writers -= {writer, far_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while chunk := await reader.read(65536):
                if back and self._mode == "silent":
                    continue
                if back and self._mode == "slow":
                    await asyncio.sleep(self._delay)
                writer.write(chunk)
                await writer.drain()
        writer.close()
