"""Ways of writing a path that could slip past a check: every one is tried, and none may open what needs a token."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from tests.mesh.rig import Edge

SLASHES = ("/", "%2f", "%2F", "%252f", "%5c", "\\", "//", "/./", "/%2e/", "/x/../", "/x/%2e%2e/", "/x/..%2f", "%2f%2f", "/;/", ";/",
           "%c0%af", "/%20/", "/\t/", "%09/")  # fmt: skip
ENDS = ("", "/", "//", "%2f", "%5c", "\\", "/.", "/..", "/%2e", "/%2e%2e", "..;", "/..;/", ";x", ";x=/docs", "?x", "?/docs", "#x",
        "%23x", "%3fx", "%3f/docs", "%00", "%00/docs", "\x00", "%20", "%0a", "%0d%0ax-user-id:%20root", ".json", ".", "*", "%2a",
        "~", "%ff", "\u00ef\u00bc\u008f", "%ef%bc%8f", "/x", "/../docs", "%2f..%2fdocs", "/%252e%252e/docs")  # fmt: skip


def variations(protected: Sequence[str], open_paths: Sequence[str]) -> Iterator[str]:
    """Each protected path written in every way, and each open path as a way to a protected one."""
    for path in protected:
        yield from _spellings(path)
    for path in open_paths:
        yield from _endings(path)
        yield from (path.replace("/", slash) for slash in SLASHES)
        yield from (path[::-1].replace("/", slash[::-1], 1)[::-1] for slash in SLASHES)
        yield from (path.upper(), path.title(), f"/x/..{path}", f"/.{path}", f"//x{path}", f"/{path}")
    for start, slash, target in itertools.product(open_paths[:12], SLASHES, protected[:3]):
        up = slash.join([""] + [".."] * start.count("/"))
        yield f"{start}{up}{target}"
        yield f"{start}{slash}..{slash}{target.rsplit('/', 1)[-1]}"
        yield f"{start}{up.replace('.', '%2e')}{target}"


def _spellings(path: str) -> Iterator[str]:
    yield from (path.replace("/", slash) for slash in SLASHES)
    yield from _endings(path)
    yield path.upper()
    for position, letter in enumerate(path):
        if letter.isalnum():
            yield f"{path[:position]}%{ord(letter):02x}{path[position + 1 :]}"


def _endings(path: str) -> Iterator[str]:
    return (f"{path}{end}" for end in ENDS)


def opened(edge: Edge, host: str, target: str, open_paths: Sequence[str]) -> str:
    """How a request without a token reached a service although its path is not an open one; empty for what was refused."""
    answer = edge.send("GET", target, host=host)
    if not answer.seen:
        return f"{target!r} was answered {answer.status} by nobody known" if answer.status in range(200, 300) else ""
    # As a service reads it: without the query, and decoded once.
    path = unquote(re.split(r"[?#]", answer.seen["path"], maxsplit=1)[0])
    if path in open_paths and answer.upstream == f"{path.split('/')[3]}-api":
        return ""
    return f"{target!r} reached {answer.upstream} as {answer.seen['path']!r}"
