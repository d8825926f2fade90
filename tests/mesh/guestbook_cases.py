"""The made-up tenant's edge as a table: what a tenant's routes, tokens, limits and headers are there for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.mesh.cases import ABSENT, Case
from tests.mesh.rig import Workload
from tests.systems.guestbook import HOME, PORT, PREFIX, SITE, WORKLOAD

HOST = "guests.eco2.example.com"
V1, V2 = "guestbook-v1", "guestbook-v2"
WORKLOADS = [
    Workload(name=V1, namespace=HOME, port=PORT, service=WORKLOAD, labels={"version": "v1"}),
    Workload(name=V2, namespace=HOME, port=PORT, service=WORKLOAD, labels={"version": "v2"}),
    Workload(name="my-api", namespace="my", port=8000),
]
BEARER = [("authorization", "Bearer {valid}")]
OLD = [*BEARER, ("cookie", "release=v1")]


def case(name: str, status: int, service: str | None, headers: Sequence[tuple[str, str]] = OLD, **more: Any) -> Case:
    return Case(**{
        "name": name, "target": f"{PREFIX}/1", "status": status, "service": service, "headers": headers, "host": HOST, **more,
    })  # fmt: skip


ROUTES = [
    case("who stays with the old release", 200, V1),
    case("who stays with the new one", 200, V2, [*BEARER, ("cookie", "a=1; release=v2")]),
    case("a tester", 200, V2, [*OLD, ("x-release", "v2")]),
    case("a tester writes to the new release too", 200, V2, [*BEARER, ("x-release", "v2")], method="POST", body=3),
    case("what is written goes to the old release", 200, V1, [*BEARER, ("cookie", "release=v2")], method="POST", body=3),
    case("a read that failed twice", 200, V1, answers={"status": 503, "times": 2}, attempts=3),
    case("a read that fails for good", 503, None, answers={"status": 503, "body": "out"}, attempts=3, says="out"),
    case("a write that failed is not repeated", 503, None, method="POST", answers={"status": 503, "body": "out"}, attempts=1),
    case("nor one whose answer is lost", 503, None, BEARER, method="POST", attempts=1),
    case("a read that is slow is tried again", 200, V1, answers={"delay": 1.5, "times": 1}, attempts=2, within=2.5),
    case("a write that is slow ends with the request's own time", 504, None, BEARER, method="POST",
         answers={"delay": 5}, within=4.0, attempts=1),
    case("without a token", 401, None, [("cookie", "release=v1")]),
]  # fmt: skip

CORS = [
    case("a named site's answer may be read", 200, V1, [*BEARER, ("origin", SITE)], method="POST", body=1,
         gets={"access-control-allow-origin": SITE, "access-control-allow-credentials": ABSENT}),
    case("another site's may not", 200, V1, [*BEARER, ("origin", "https://evil.example")], method="POST", body=1,
         gets={"access-control-allow-origin": ABSENT}),
    case("nor one that only begins like it", 200, V1, [*BEARER, ("origin", f"{SITE}.evil.example")], method="POST", body=1,
         gets={"access-control-allow-origin": ABSENT}),
]  # fmt: skip

CASES = [*ROUTES, *CORS]
