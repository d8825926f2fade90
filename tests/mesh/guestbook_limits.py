"""What the made-up tenant's answers say, and who is counted, as tables.

Who is counted has a name or an address of its own in each try, and counters are of a month: no try counts for another.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.mesh.cases import ABSENT, Case
from tests.mesh.client import Answer
from tests.mesh.guestbook_cases import V1
from tests.mesh.guestbook_tokens import BOOKS, ISSUERS, LETTERS, LIST, bearer, tokens
from tests.mesh.mutations import Mutation, edited, gone
from tests.mesh.rig import Edge
from tests.systems.guestbook_edge import ANSWERS, COUNTED, ISSUER, OPEN_COUNTED

READER, NAME = f"{COUNTED}/reader", f"{COUNTED}/name"
ALLOWED = 3
_numbers = itertools.count()
Headers = list[tuple[str, str]]


def somebody() -> Headers:
    """A token of a reader who never came before."""
    return [("authorization", f"Bearer {ISSUERS[ISSUER].token(sub=f'reader-{next(_numbers)}')}")]


def somewhere() -> str:
    """An address that nobody ever came from."""
    number = next(_numbers)
    return f"100.64.{number // 250}.{number % 250}"


@dataclass(frozen=True)
class Counted:
    """A limit: `who` makes somebody new, and `ask` sends a request of his; the service's readers have more headers."""

    name: str
    who: Callable[[], Any]
    ask: Callable[[Edge, Any], Answer]


def _read(target: str, *more: tuple[str, str]) -> Callable[[Edge, Headers], Answer]:
    return lambda edge, who: edge.send("GET", target, [*who, *more], host=BOOKS, client=somewhere())


def _come(*more: tuple[str, str]) -> Callable[[Edge, str], Answer]:
    return lambda edge, who: edge.send("GET", OPEN_COUNTED, more, host=BOOKS, client=who)


COUNTED_BY = (
    Counted("a reader", somebody, _read(READER)),
    Counted("a reader, below the path", somebody, _read(f"{READER}/1/2")),
    Counted("a reader, with a query", somebody, _read(f"{READER}?page=2")),
    Counted("a reader who spells it otherwise", somebody, _read(f"{COUNTED}//%72eader")),
    Counted("a reader who goes there by a detour", somebody, _read(f"{COUNTED}/x/../reader")),
    Counted("a reader who adds what servers cut off", somebody, _read(f"{READER};page=2")),
    Counted("a reader who says to be another", somebody, _read(READER, ("x-reader", "somebody-else"))),
    Counted("a name that the mesh sets", somebody, _read(NAME)),
    Counted("a name that the client sets too", somebody, _read(NAME, ("x-reader", f"forged-{next(_numbers)}"))),
    Counted("an address", somewhere, _come()),
    Counted("an address that says to be another", somewhere, _come(("x-forwarded-for", "100.127.0.1"))),
    Counted(
        "an address that says so otherwise",
        somewhere,
        _come(("x-real-ip", "100.127.0.2"), ("forwarded", "for=100.127.0.3")),
    ),
)

SAFE = ANSWERS[0].headers.headers
GONE = dict.fromkeys(("server", "x-powered-by", "x-envoy-upstream-service-time", "x-envoy-ratelimited"), ABSENT)
JSON = {"content-type": "application/json; charset=utf-8"}
TELLTALE = {"server": "gunicorn/20.1", "x-powered-by": "PHP/5", "x-envoy-attempt-count": "3"}
UNSAFE = {"x-frame-options": "ALLOWALL", "content-security-policy": "default-src *"}


def case(name: str, target: str, status: int, headers: Sequence[tuple[str, str]] = (), **more: Any) -> Case:
    gets: Mapping[str, str | None] = {**SAFE, **GONE, **(JSON if status >= 400 else {}), **more.pop("gets", {})}
    told = {"host": BOOKS, "service": V1 if status == 200 else None, "tokens": tokens, "gets": gets}
    return Case(**{"name": name, "target": target, "status": status, "headers": headers, **told, **more})


CASES = [
    # Headers on whatever comes back, whoever says it.
    case("an answer of the service", LIST, 200, bearer("reader")),
    case("one that says who made it, and less of safety", LIST, 418, bearer("reader"),
         answers={"status": 418, "body": "short and stout", "headers": {**TELLTALE, **UNSAFE}},
         gets={"x-envoy-attempt-count": ABSENT, "content-type": "application/json"}),
    case("the service's own failure", LIST, 503, bearer("reader"), answers={"status": 503, "body": "out of order"},
         attempts=1, gets={"content-type": "application/json"}, says="out of order"),
    case("no token", LIST, 401, says='"error":"Unauthorized"', gets={"www-authenticate": "Bearer"}),
    case("a bad token", LIST, 401, bearer("bad_foreign"), says='"error":"Unauthorized"'),
    case("a token without the scope", LIST, 403, bearer("scopeless"), says='"error":"Forbidden"'),
    case("a path that nobody has, without a token", "/none/at/all", 401),
    case("a path that is allowed and has no route", "/nowhere", 404, bearer("reader"), says='"error":"Not Found"'),
    case("the service hangs up", LIST, 503, bearer("reader"), attempts=1, says='"error":"Service Unavailable"'),
    case("the service is slow", LIST, 504, bearer("reader"), answers={"delay": 5}, attempts=1,
         says='"error":"Gateway Timeout"'),
    case("the limiter is down", READER, 503, bearer("reader"), given="limits down", within=0.9,
         says='"error":"Service Unavailable"'),
    case("the limiter is silent", READER, 503, bearer("reader"), given="limits silent", within=0.9),
    case("its counters are down", READER, 503, bearer("reader"), given="counters down"),
    case("the limiter is down where that lets pass", OPEN_COUNTED, 200, given="limits down"),
    case("nor is it asked about what nobody counts", LIST, 200, bearer("reader"), given="limits down"),
    case("another host keeps its texts", "/letters/1", 403, bearer("letters_reader"), host=LETTERS,
         gets={**dict.fromkeys(SAFE, ABSENT), "content-type": "text/plain"}),
    case("and names no programs either", "/letters/1", 200, bearer("letters"), host=LETTERS,
         gets={**dict.fromkeys(SAFE, ABSENT), "content-type": "application/json"}, answers={"headers": TELLTALE, "times": 0}),
]  # fmt: skip


def _fails_open(spec: dict[str, Any]) -> None:
    config = spec["configPatches"][0]["patch"]["value"]["typed_config"]
    assert config["failure_mode_deny"] is True
    config["failure_mode_deny"] = False


MUTATIONS = [
    Mutation("answers have no headers", gone("EnvoyFilter", "tenants-answers"), "an answer of the service"),
    Mutation("answers say who made them", gone("EnvoyFilter", "tenants-answers"), "and names no programs either"),
    Mutation("errors are texts", gone("EnvoyFilter", "tenants-local-replies"), "a token without the scope"),
    Mutation(
        "paths that lead nowhere say less", gone("EnvoyFilter", "tenants-last-routes"),
        "a path that is allowed and has no route",
    ),
    Mutation("without a limiter all pass", edited("EnvoyFilter", "tenants-rate-limits", _fails_open), "the limiter is down"),
]  # fmt: skip
