"""Istio's path patterns, and a sweep over the ways past eco2's edge."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from infra.components.mesh.authorization import ExternalAuthorizationArgs, external_authorization, is_checked
from infra.components.mesh.objects import Place, Spec
from infra.components.mesh.paths import BadPattern, expand, matches
from infra.systems.eco2.document import BYPASSED, SERVICES


def policy(*not_paths: str) -> Spec:
    args = ExternalAuthorizationArgs(
        place=Place(name="ext-authz-policy", namespace="istio-system"),
        workload={"istio": "ingressgateway"},
        provider="ext-authz",
        paths=("/api/v1/*",),
        not_paths=not_paths or BYPASSED,
    )
    return external_authorization(args)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/x", "/x", True),
        ("/x", "/x/", False),
        ("/x", "/X", False),
        ("/api/v1/*", "/api/v1/", True),
        ("/api/v1/*", "/api/v1/a/b/c", True),
        ("/api/v1/*", "/api/v1", False),
        ("/api/v1/*", "/api/v1x", False),
        ("/x*", "/xyz", True),
        ("*/docs", "/any/thing/docs", True),
        ("*/docs", "/docs/", False),
        ("*", "/", True),
        ("*", "", False),
        ("/api/v1/{*}/docs", "/api/v1/scan/docs", True),
        ("/api/v1/{*}/docs", "/api/v1/scan%2fx/docs", True),
        ("/api/v1/{*}/docs", "/api/v1/a/b/docs", False),
        ("/api/v1/{*}/docs", "/api/v1//docs", False),
        ("/api/v1/{*}/docs", "/api/v1/scan/docs/", False),
        ("/foo/{*}", "/foo/bar", True),
        ("/foo/{*}", "/foo/bar/baz", False),
        ("/foo/{*}", "/foo/b*r", True),
        ("/foo/{*}", "/foo/b[r", False),
        ("/foo/{**}/", "/foo/bar/", True),
        ("/foo/{**}/", "/foo/bar/baz.txt/", True),
        ("/foo/{**}/", "/foo//", True),
        ("/foo/{**}/", "/foo/bar", False),
        ("/foo/{*}/bar/{**}", "/foo/buzz/bar/", True),
        ("/foo/{*}/bar/{**}", "/foo/buzz/bar/baz", True),
        ("/a.c/{*}", "/abc/d", False),
    ],
)
def test_patterns_mean_what_istio_documents(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, path) is expected


@pytest.mark.parametrize(
    "pattern",
    ["", "x", "/{service}/docs", "/{}", "/a*b", "*a*", "/**", "/*/baz/{*}", "/**/baz/{*}", "/{**}/foo/{*}", "/foo/{*}.txt",
     "/{**}/{**}", "{*}/a", "/api/v1/auth/{kakao,google,naver}"],
)  # fmt: skip
def test_patterns_that_istio_refuses_or_takes_literally_are_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        matches(pattern, "/x")


def test_expand_lists_every_path_of_a_template() -> None:
    assert expand("/{a}/{b}", a=("1", "2"), b=("x",)) == ("/1/x", "/2/x")
    assert expand("/plain") == ("/plain",)
    with pytest.raises(BadPattern):
        expand("/{a}", b=("1",))


def test_the_documented_bypass_is_42_exact_paths() -> None:
    assert len(BYPASSED) == len(set(BYPASSED)) == 3 + 3 + 1 + 7 * 2 + 7 * 3
    assert not any(sign in path for path in BYPASSED for sign in "*{}%")


@pytest.mark.parametrize("path", BYPASSED)
def test_a_documented_path_is_not_asked_about(path: str) -> None:
    assert not is_checked(policy(), path)


def normalised(path: str) -> str | None:
    """What the gateway makes of a path under DECODE_AND_MERGE_SLASHES, in Envoy's order; None where it answers 400."""
    path = re.split(r"[?#]", path, maxsplit=1)[0]
    if "%00" in path:
        return None
    path = re.sub("%2f", "/", re.sub("%5c", r"\\", path, flags=re.I), flags=re.I).replace("\\", "/")
    path = re.sub(r"%([2-7][0-9a-f])", _unreserved, path, flags=re.I)
    parts: list[str] = []
    for part in path.split("/")[1:]:
        if part == "..":
            parts[-1:] = []
        elif part != ".":
            parts.append(part)
    if path.rsplit("/", 1)[-1] in {".", ".."}:
        parts.append("")
    return re.sub("/+", "/", "/" + "/".join(parts))


def _unreserved(found: re.Match[str]) -> str:
    sign = chr(int(found[1], 16))
    return sign if re.fullmatch(r"[A-Za-z0-9._~-]", sign) else found[0]


def test_the_model_of_normalisation_does_what_istio_documents() -> None:
    documented = {
        "/a/../b": "/b", r"\da": "/da", "/a//b": "/a/b", "/a%2fb": "/a/b", "/a%5Cb": "/a/b",
        "/some%2fdata/%61%62%63": "/some/data/abc",
        "/public/./data/abc/../xyz": "/public/data/xyz", "/x/..": "/", "/x;/../y": "/y",
        "/x?v=/../y": "/x", "/a%252fb": "/a%252fb", "/%00": None,
    }  # fmt: skip
    assert {raw: normalised(raw) for raw in documented} == documented


SLASHES = ("/", "%2f", "%2F", "%5c", "\\", "//", "/./", "/%2e/", "%252f", ";/", "/x/../", "/x/%2e%2e/")
ENDS = (
    "",
    "/",
    "%2f",
    "/x",
    "x",
    "%00",
    "%20",
    ";x",
    "?x",
    "#x",
    ".json",
    "%3fx",
    "/..",
    "/%2e%2e",
    "/../../scan/history",
    "..%2fscan",
)
PROTECTED = [
    f"/api/v1/{service}/{rest}" for service in SERVICES for rest in ("", "history", "me/secret", "docs/x", "callback")
]


def disguises() -> Iterator[str]:
    """Raw paths that look like documented ones, or hide others in them."""
    for path, slash, end in itertools.product((*BYPASSED, *PROTECTED), SLASHES, ENDS):
        head, _, tail = path.rpartition("/")
        yield f"{head}{slash}{tail}{end}"
    for secret, bypassed in itertools.product(PROTECTED, BYPASSED):
        yield f"{secret}?next={bypassed}"
        yield f"{secret}#{bypassed}"
        yield f"{secret}{bypassed}"
        yield f"{bypassed}%2f..%2f..%2f..{secret.removeprefix('/api/v1')}"
        yield f"{secret}/docs"
        yield f"{secret}%2fopenapi.json"
        yield f"{secret}/health;"
    for other in ("apple", "kakao2", "kaka", "*", "%6bakao", "kak%61o", "Kakao", "{provider}", "{*}"):
        yield f"/api/v1/auth/{other}"
        yield f"/api/v1/auth/{other}/callback"
    for service in ("admin", "internal", "Scan", "scan2", "{*}", "a%2fb", "..", ""):
        yield from (f"/api/v1/{service}/{page}" for page in ("docs", "openapi.json", "health", "ready", "metrics"))


@functools.cache
def disguised() -> dict[str, str]:
    """For each path that the gateway sees and that is below /api/v1/, but is not a documented one, a raw path that leads there."""
    seen = {normalised(raw): raw for raw in disguises()}
    return {
        path: raw
        for path, raw in seen.items()
        if path is not None and path.startswith("/api/v1/") and not path == unquote(path) in BYPASSED
    }


def ways_past(spec: Spec) -> list[str]:
    """Raw paths that reach a backend unasked, though the backend sees another path than a documented one."""
    return [raw for path, raw in disguised().items() if not is_checked(spec, path)]


def test_no_disguise_gets_past() -> None:
    assert len(set(disguises())) > 10_000
    assert len(disguised()) > 1_000
    assert ways_past(policy()) == []


WIDER = [
    "/api/v1/{*}/docs", "/api/v1/auth/{*}", "/api/v1/auth/{*}/callback", "/api/v1/auth/*", "*/health", "/api/v1/{**}",
    "/api/v1/scan/docs*", "/api/v1/auth/kakao*", "*",
]  # fmt: skip


@pytest.mark.parametrize("wider", WIDER)
def test_the_sweep_finds_a_wider_path(wider: str) -> None:
    assert ways_past(policy(*BYPASSED, wider))


def test_a_path_outside_the_api_is_not_asked_about_and_so_must_not_be_routed() -> None:
    assert not is_checked(policy(), "/API/v1/scan/history")
    assert not is_checked(policy(), "/api/v2/scan/history")
