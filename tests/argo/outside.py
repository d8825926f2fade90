"""What Argo CD and the bootstrap ask of the world, a Git repository and charts: by HTTPS, through a proxy, from one server here.

The rendered addresses stay as they are: the proxy has a certificate for all of their hosts, and answers for nobody else.
"""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.tools import required_command


@dataclass
class Outside:
    """The world: `root` has a folder for each host, in which bare Git repositories and files are served."""

    root: Path
    authority: Path
    proxy: str
    socket: Path
    """The same, where the API server calls it."""
    inside: Callable[[str, str, str, bytes], tuple[int, dict[str, Any]]] | None = None
    """Who answers the API server, which asks by the address of a Service (inside.py)."""
    asked: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """What was asked for and is not there."""

    def place(self, url: str) -> Path:
        """Where the content of an address goes."""
        parts = urlsplit(url)
        return self.root / str(parts.hostname) / parts.path.strip("/")

    @property
    def environment(self) -> dict[str, str]:
        """For a program that is to find it: Go's, Git's and curl's own variables."""
        return {
            "HTTPS_PROXY": self.proxy,
            "SSL_CERT_FILE": str(self.authority),
            "GIT_SSL_CAINFO": str(self.authority),
        }


@contextmanager
def outside(folder: Path, socket: Path, urls: Sequence[str], namespaces: Sequence[str] = ()) -> Iterator[Outside]:
    """It answers for the hosts of these addresses, and for Services of these namespaces, until the end of the block."""
    hosts = sorted({str(urlsplit(url).hostname) for url in urls})
    context, authority = _certified(folder, [*hosts, *(f"*.{one}.svc" for one in namespaces)])
    server, local = ThreadingHTTPServer(("127.0.0.1", 0), Door), Local(str(socket), Door)
    found = Outside(folder / "world", authority, f"http://127.0.0.1:{server.server_port}", socket)
    for host in hosts:
        (found.root / host).mkdir(parents=True)
    with ExitStack() as stack:
        for one in (server, local):
            Door.of[one] = (found, context)
            threading.Thread(target=one.serve_forever, daemon=True).start()
            stack.callback(one.server_close)
            stack.callback(one.shutdown)
        yield found


class Local(ThreadingMixIn, UnixStreamServer):
    """A socket in a file."""

    daemon_threads = True
    request_queue_size = 64


class Door(BaseHTTPRequestHandler):
    """One connection: a CONNECT, then TLS, then requests of the host that was asked for."""

    of: dict[Any, tuple[Outside, ssl.SSLContext]] = {}
    protocol_version = "HTTP/1.1"
    host = ""

    def do_CONNECT(self) -> None:
        world, context = self.of[self.server]
        self.host = self.path.rpartition(":")[0]
        if not _is_address(self.host) and not (world.root / self.host).is_dir():
            world.unknown.append(self.host)
            self.send_error(502)
            return
        self.send_response(200)
        self.end_headers()
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self) -> None:
        world, _ = self.of[self.server]
        if _is_address(self.host):
            self._inside(world, b"")
            return
        path, _, query = self.path.partition("?")
        world.asked.append(f"{self.host}{path}")
        file = world.root / self.host / path.strip("/")
        if path.endswith("/info/refs"):
            self._git(world, path, query)
        elif file.is_file() and ".." not in path:
            self._answer(200, file.read_bytes(), {"Content-Type": "application/octet-stream"})
        else:
            world.unknown.append(f"{self.host}{path}")
            self._answer(404, b"", {})

    def do_POST(self) -> None:
        world, _ = self.of[self.server]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if _is_address(self.host):
            self._inside(world, body)
            return
        path, _, query = self.path.partition("?")
        world.asked.append(f"{self.host}{path}")
        self._git(world, path, query, body)

    def _inside(self, world: Outside, body: bytes) -> None:
        status, said = world.inside(self.host, self.command, self.path, body) if world.inside else (503, {})
        self._answer(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _git(self, world: Outside, path: str, query: str, body: bytes = b"") -> None:
        """By Git's own server, which reads alone: nothing can be pushed."""
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        settings = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(world.root / self.host),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            # The folder belongs to whoever runs the tests, and a container's may be somebody else's.
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(
            [required_command("git"), "http-backend"], input=body, capture_output=True, check=True, env=settings
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self._answer(int(headers.pop("Status", "200 OK").split()[0]), content, headers)

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _certified(folder: Path, hosts: Sequence[str]) -> tuple[ssl.SSLContext, Path]:
    """A certificate for all of the hosts, and the file of the authority that signed it."""
    now = datetime.datetime.now(datetime.UTC)

    def draft(name: str, key: ec.EllipticCurvePrivateKey, issuer: str) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = (
        draft("the world", root, "the world")
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root, hashes.SHA256())
    )
    names = [x509.DNSName(host) for host in hosts]
    signed = (
        draft("its hosts", own, "the world")
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(root, hashes.SHA256())
    )
    chain, trusted = folder / "outside.pem", folder / "authority.pem"
    trusted.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, trusted
