"""What stands before a served cloud: it answers one address and one access key, and its process calls nobody.

A web page may send to loopback from the reader's browser (DNS rebinding, simple requests), and so may anyone on the machine.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SIGNED_WITH = re.compile(r"AWS4-\S+ +(?:.*[ ,])?Credential=([^/,\s]+)/")
_NO_CALLS = "a served cloud calls nobody"
_CALLS = frozenset(
    {
        "socket.connect",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
    }
)
"""Python's audit events for reaching out: every client is below them, of HTTP (requests, botocore), Docker or mail alike."""


class CallRefused(ConnectionRefusedError):
    """This process would have reached out."""


def new_access_key() -> str:
    """An access key ID for one run. It is the secret, as signatures are not computed: 128 bits, in the alphabet of AWS's IDs."""
    return f"REHEARSAL{secrets.token_hex(16).upper()}"


class Guard:
    """The WSGI application behind it, for requests to `address` (host:port) that are signed (Signature Version 4) with the key."""

    def __init__(self, behind: WSGIApplication, *, address: str, access_key: str) -> None:
        self._behind = behind
        self._address = address
        self._access_key = access_key

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        forbidden = self._forbidden(environ)
        if forbidden:
            return _answer(start_response, "text/plain", f"{forbidden}\n")
        if not secrets.compare_digest(_signed_with(environ).encode(), self._access_key.encode()):
            message = "The request is not signed with this run's access key: `make up` prints it"
            return _refused(environ, start_response, "InvalidClientTokenId", message)
        try:
            return self._behind(environ, start_response)
        except Exception as error:
            if not _comes_from_a_call(error):
                raise
            return _refused(environ, start_response, "OutgoingCallRefused", f"{_NO_CALLS}, nor what a resource names")

    def _forbidden(self, environ: WSGIEnvironment) -> str:
        if environ.get("HTTP_HOST") != self._address:
            return f"this cloud is http://{self._address}: a request for another host is not for it"
        if "HTTP_ORIGIN" in environ:
            return "this cloud has no web pages: a request with an Origin comes from somebody else's"
        if environ.get("PATH_INFO", "").lstrip("/").startswith("moto-api"):
            return "this cloud has AWS's API alone: moto's own control is closed"
        return ""


@contextmanager
def calling_nobody() -> Iterator[None]:
    """Within the block no thread of this process connects, sends or looks a name up: what moto would deliver stays here.

    moto 5.2.5 posts to what an HTTP subscription of SNS, a destination of EventBridge or Firehose, an integration of API Gateway or
    a state of Step Functions names, and asks a Docker daemon for Lambda and Batch.
    """
    _install_once()
    _closed.append(True)
    try:
        yield
    finally:
        _closed.pop()


_closed: list[bool] = []
_installed: list[bool] = []


def _install_once() -> None:
    """An audit hook stays for the life of a process."""
    if not _installed:
        sys.addaudithook(_refuse_calls)
        _installed.append(True)


def _refuse_calls(event: str, _: tuple[Any, ...]) -> None:
    if _closed and event in _CALLS:
        raise CallRefused(f"{_NO_CALLS} ({event})")


def _comes_from_a_call(error: BaseException | None) -> bool:
    """moto and its HTTP client wrap what the hook raised, each in an error of its own."""
    while error and not isinstance(error, CallRefused):
        error = error.__cause__ or error.__context__
    return error is not None


def _signed_with(environ: WSGIEnvironment) -> str:
    """The access key ID in the header, or without one in the query (a presigned URL); empty if the request is not signed."""
    header = environ.get("HTTP_AUTHORIZATION")
    if header is not None:
        found = _SIGNED_WITH.match(header)
        return found[1] if found else ""
    credentials = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [])
    return credentials[0].partition("/")[0] if len(credentials) == 1 else ""


def _refused(environ: WSGIEnvironment, start_response: StartResponse, code: str, message: str) -> Iterable[bytes]:
    """An error as AWS gives it, in the protocol of the request."""
    named = ("X-Amzn-Errortype", code)
    if "json" in environ.get("CONTENT_TYPE", ""):
        return _answer(start_response, "application/json", json.dumps({"__type": code, "message": message}), named)
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    service = (environ.get("HTTP_AUTHORIZATION") or "").partition("/aws4_request")[0].rpartition("/")[2]
    if service == "ec2":
        error = f"<Response><Errors>{error}</Errors></Response>"
    elif service not in {"s3", ""}:
        error = f"<ErrorResponse>{error}</ErrorResponse>"
    return _answer(start_response, "application/xml", error, named)


def _answer(start_response: StartResponse, kind: str, text: str, *more: tuple[str, str]) -> Iterable[bytes]:
    body = text.encode()
    start_response("403 Forbidden", [("Content-Type", kind), ("Content-Length", str(len(body))), *more])
    return [body]
