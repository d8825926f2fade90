"""A case: a request, and what must become of it. Cases are data; this module sends one and judges the answer."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.mesh.client import Answer, upgrade
from tests.mesh.rig import Edge
from tests.mesh.tokens import tokens
from tests.mesh.upstreams import ANSWER, ATTEMPT, Mode

Condition = str
"""`<a switch or an echo> <slow, down or silent>`, an echo only `down`; nothing for all well."""

MODES: Mapping[str, Mode] = {"slow": "slow", "down": "closed", "silent": "silent"}
MESSAGE = b"\x81\x05hello"
ABSENT = None
_marks = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Case:
    """`headers` name tokens in braces (`Bearer {valid}`); `sees` are headers as the upstream got them, `ABSENT` for none.

    `service` is who must answer, None for nobody. `given` is what goes wrong behind the edge meanwhile. `within` bounds the time
    in seconds, `attempts` says how often the upstream may get the request, `details` is part of Envoy's reason in its log.
    `answers` is how the upstream answers (see `upstreams.ANSWER`); with `attempts` and without it, it never does. `gets` are
    headers as the client got them, `ABSENT` for none, and `says` is part of the body. `tokens` makes those that `headers` name.
    `client` is its address, which other requests may have too.
    """

    name: str
    target: str
    status: int
    method: str = "GET"
    host: str
    headers: Sequence[tuple[str, str]] = ()
    body: int = 0
    service: str | None = None
    path: str | None = None
    sees: Mapping[str, str | None] = field(default_factory=dict)
    given: Condition = ""
    within: float | None = None
    attempts: int | None = None
    websocket: bool = False
    details: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    gets: Mapping[str, str | None] = field(default_factory=dict)
    says: str = ""
    tokens: Callable[[], Mapping[str, str]] = tokens
    client: str = ""


@dataclass(frozen=True)
class Mark:
    """What tells a request from all others: to the upstream a header, to Envoy's log the client's address.

    Its tokens hold the time at which they were made, so it has one set: another one may be a second older.
    """

    attempt: str
    client: str
    tokens: Mapping[str, str]


OUT_OF_TIME = "ext_authz_error"
"""Envoy's word for an authorizer that did not answer, or not in time."""


def judge(edge: Edge, case: Case) -> str:
    """What is wrong with the answer, with what explains it; empty when nothing is.

    On a busy machine the authorizer misses its quarter of a second. That says nothing of a case that brings nothing about: it is
    tried once more.
    """
    said = _judged(edge, case)
    busy = OUT_OF_TIME in said and not case.given and case.details != OUT_OF_TIME
    return _judged(edge, case) if busy else said


def _judged(edge: Edge, case: Case) -> str:
    wrong, answer, mark = _tried(edge, case)
    log = edge.access_log(mark.client) if wrong or case.details else ""
    if case.details not in log:
        wrong.append(f"Envoy's reason is not {case.details}")
    if not wrong:
        return ""
    return (
        f"{case.name}: {case.method} {case.target}{f' while {case.given}' if case.given else ''}\n"
        + "".join(f"  {one}\n" for one in wrong)
        + f"  came back: {answer.status} {answer.body[:600]!r}\n  Envoy: {log or 'no line'}\n"
    )


def holds(edge: Edge, case: Case) -> bool:
    """Whether `judge` finds nothing, without a look for what explains a failure: that takes a second where there is no line."""
    wrong, _, mark = _tried(edge, case)
    return not wrong and case.details in (edge.access_log(mark.client) if case.details else "")


def _tried(edge: Edge, case: Case) -> tuple[list[str], Answer, Mark]:
    """What is wrong with the answer that came back, and what the request was known by."""
    mark = _mark(case)
    _bring_about(edge, case.given)
    try:
        started = time.monotonic()
        answer = _send(edge, case, mark)
        took = time.monotonic() - started
    finally:
        edge.backends.recover()
    return [*_wrong_answer(case, answer, took), *_wrong_arrival(edge, case, answer, mark)], answer, mark


def _mark(case: Case) -> Mark:
    number = next(_marks)
    return Mark(
        attempt=f"{number}-drop" if case.attempts is not None and not case.answers else str(number),
        client=case.client or f"198.18.{number // 250}.{number % 250}",
        tokens=case.tokens(),
    )


def _bring_about(edge: Edge, condition: Condition) -> None:
    if condition:
        what, mode = condition.rsplit(" ", 1)
        if what in edge.backends.switches:
            edge.backends.switches[what].mode = MODES[mode]
        elif mode == "down":
            edge.backends.echoes[what].down = True
        else:
            raise LookupError(f"{what}: the rig can let it be down, and slow by `answers`")


def _send(edge: Edge, case: Case, mark: Mark) -> Answer:
    headers = [(name, value.format(**mark.tokens)) for name, value in case.headers]
    if case.websocket:
        all_headers = [("host", case.host), *headers, ("x-forwarded-for", mark.client)]
        status, back = upgrade(edge.listener, case.target, all_headers, MESSAGE)
        return Answer(status, {}, back)
    headers.append((ATTEMPT, mark.attempt))
    if case.answers:
        headers.append((ANSWER, json.dumps(dict(case.answers))))
    return edge.send(case.method, case.target, headers, b"x" * case.body, host=case.host, client=mark.client)


def _wrong_answer(case: Case, answer: Answer, took: float) -> Iterator[str]:
    if answer.status != case.status:
        yield f"the status is {answer.status}, not {case.status}"
    if answer.upstream != case.service:
        yield f"{answer.upstream or 'nobody'} answered, not {case.service or 'nobody'}"
    if case.within is not None and took > case.within:
        yield f"it took {took:.2f} s, more than {case.within}"
    for header, value in case.gets.items():
        if answer.headers.get(header) != value:
            yield f"the client got {header}: {answer.headers.get(header)}, not {value}"
    if case.says.encode() not in answer.body:
        yield f"the body does not say {case.says}"
    if case.websocket and case.status == 101 and answer.body != MESSAGE:
        yield f"the WebSocket gave back {answer.body!r}"


def _wrong_arrival(edge: Edge, case: Case, answer: Answer, mark: Mark) -> Iterator[str]:
    if case.path is not None and answer.seen.get("path") != case.path:
        yield f"the upstream saw the path {answer.seen.get('path')}, not {case.path}"
    if case.body and case.service is not None and answer.seen.get("bytes") != case.body:
        yield f"{answer.seen.get('bytes')} bytes arrived, not {case.body}"
    for header, value in case.sees.items():
        expected = [] if value is None else [value.format(**mark.tokens, client=mark.client)]
        if answer.values(header) != expected:
            yield f"the upstream saw {header}: {answer.values(header)}, not {expected}"
    count = edge.backends.attempts[mark.attempt]
    if case.attempts is not None and count != case.attempts:
        yield f"upstreams got it {count} times, not {case.attempts}"
