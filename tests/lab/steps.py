"""The document's checkpoints as steps: what to send, what to expect, and what came back."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from infra.systems.gateway_lab.document import (
    CHALLENGES,
    CHECKPOINTS,
    PER_MINUTE,
    SERVICES,
    TIMEOUT_MILLISECONDS,
    WEIGHTS,
)
from tests.lab.standing import Lab
from tests.mesh.client import send
from tests.mesh.processes import wait_until
from tests.mesh.upstreams import ANSWER

Said = tuple[bool, str]
USERS, PRODUCTS, ORDERS, NOTES = (f"/api/v1/{name}" for name in ("users", "products", "orders", "notifications"))
BOXES = tuple(box for group in (*CHECKPOINTS.values(), *CHALLENGES.values()) for box in group)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One box of the document. `curl` is what a person may send, with `$TOKEN`; `expected` in words; `do` sends it."""

    box: str
    curl: str
    expected: str
    do: Callable[[Lab], Said]


def _tokens(lab: Lab) -> Said:
    good, bad = lab.login("user"), lab.login("user", "guess")
    token = json.loads(good.body)["token"]
    verified = lab.send("POST", "/api/v1/auth/verify", token)
    header, claims, signature = token.split(".")
    forged = lab.send("POST", "/api/v1/auth/verify", f"{header}.{claims}.{signature[::-1]}")
    found = (good.status, bad.status, verified.status, forged.status)
    user = json.loads(verified.body).get("user")
    return (found, user) == ((200, 401, 200, 401), {"id": "2", "name": "user", "role": "user"}), (
        f"login {found[0]}, wrong password {found[1]}, verified {found[2]} {verified.body.decode()}, forged {found[3]}"
    )


def _nobody(lab: Lab) -> Said:
    answer = lab.send("GET", PRODUCTS)
    return answer.status == 401, f"{answer.status} {answer.body.decode().strip()}"


def _limits(lab: Lab) -> Said:
    token = lab.token()
    wait_until(lambda: time.time() % 60 < 45, "a minute with time left", patience=20)
    answers = [lab.send("GET", PRODUCTS, token) for _ in range(PER_MINUTE + 5)]
    found = Counter(answer.status for answer in answers)
    refused = answers[-1]
    wait = refused.headers.get("retry-after")
    return found[429] >= 5 and found[200] <= PER_MINUTE, f"{dict(found)}, then: come again in {wait} s"


def _cors(lab: Lab) -> Said:
    asked = [("origin", "https://shop.example.com"), ("access-control-request-method", "PUT")]
    answer = lab.send("OPTIONS", USERS, headers=asked)
    shown = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    return answer.status == 200 and "access-control-allow-origin" in shown, json.dumps(shown)


COUNTED = '{__name__=~"envoy_cluster_gateway_lab_.*_upstream_rq_total"}'
"""Requests to each service, as the gateway counts them."""


def _metrics(lab: Lab) -> Said:
    if not lab.prometheus:
        return False, "Prometheus is not installed: apt-get install prometheus"
    wait_until(lambda: bool(lab.ask(f"sum({COUNTED})")), "Prometheus to have asked the gateway", patience=20)
    return True, f"sum({COUNTED}) = {lab.ask(f'sum({COUNTED})')[0]}"


def _per_service(lab: Lab) -> Said:
    query = f"count({COUNTED} > 0)"

    def number() -> int:
        return int((lab.ask(query) or ["0"])[0])

    wait_until(lambda: number() >= len(SERVICES), "Prometheus to have seen every service", patience=20)
    return True, f"{number()} services are told apart"


def _weights(lab: Lab) -> Said:
    token, number, share = lab.token(), 90, WEIGHTS["v2"] / 100
    found = Counter(lab.send("GET", USERS, token).upstream for _ in range(number))
    off = abs(found["user-service-v2"] - number * share)
    return off <= 5 * math.sqrt(
        number * share * (1 - share)
    ), f"{dict(found)} of {number}, give or take five deviations"


def _canary(lab: Lab) -> Said:
    token = lab.token()
    found = [lab.send("GET", USERS, token, [("x-release", name)]).upstream for name in ("v1", "v2")]
    return found == ["user-service", "user-service-v2"], f"x-release: v1 → {found[0]}, v2 → {found[1]}"


def _failover(lab: Lab) -> Said:
    token = lab.token()
    (broken,) = lab.break_service("order-service")
    found = Counter(lab.send("GET", ORDERS, token).status for _ in range(20))
    lab.heal()
    return set(found) == {200}, f"{broken} hangs up; 20 reads: {dict(found)}"


def _recovery(lab: Lab) -> Said:
    echo = lab.edge.backends.echoes["notification-service-1"]

    def reached() -> int:
        """How many of ten writes the pod gets: about half while it is called, for the gateway throws dice between pods at rest."""
        token, before = lab.token(), echo.requests
        for _ in range(10):
            lab.send("POST", NOTES, token)
        return echo.requests - before

    echo.answers = {"status": 500, "body": "out"}
    before = echo.requests
    wait_until(lambda: not reached(), "the pod to be set aside", patience=5)
    errors = echo.requests - before
    lab.heal()
    started = time.monotonic()
    wait_until(lambda: reached() > 0, "the pod to be called again", patience=20)
    return True, f"set aside after {errors} errors; called again {time.monotonic() - started:.1f} s after it is well"


def _breaker(lab: Lab) -> Said:
    lab.break_service("notification-service", pods=2)
    answer = lab.send("POST", NOTES, lab.token())
    lab.heal()
    return (
        answer.status == 503 and b"Service Unavailable" in answer.body,
        f"{answer.status} {answer.body.decode().strip()}",
    )


def _retries(lab: Lab) -> Said:
    told = (ANSWER, json.dumps({"status": 503, "times": 2}))
    token = lab.token()
    mark = f"lab-{time.time_ns()}"
    read = lab.send("GET", ORDERS, token, [told, ("x-test-attempt", mark)])
    tries = lab.edge.backends.attempts[mark]
    return (read.status, tries) == (
        200,
        3,
    ), f"the service refuses twice; the read is sent {tries} times and answered {read.status}"


def _timeouts(lab: Lab) -> Said:
    started = time.monotonic()
    answer = lab.send("POST", ORDERS, lab.token(), [(ANSWER, '{"delay": 8}')])
    took = time.monotonic() - started
    return answer.status == 504 and took < TIMEOUT_MILLISECONDS / 1000 + 1.5, f"{answer.status} after {took:.1f} s"


def _mutual_tls(lab: Lab) -> Said:
    caller = lab.send("GET", ORDERS, lab.token()).seen.get("caller", "")
    return caller.endswith("/sa/ingress-gateway"), f"the service sees the certificate of {caller}"


def _addresses(lab: Lab) -> Said:
    token = lab.token("admin")
    found = [
        lab.send("GET", "/api/v1/admin/stats", token, client=one).status for one in ("203.0.113.7", "198.51.100.9")
    ]
    return found == [200, 403], f"from a listed address {found[0]}, from another {found[1]}"


def _sizes(lab: Lab) -> Said:
    token = lab.token()
    found = [lab.send("POST", ORDERS, token, body=b"x" * size).status for size in (1024, 1024 * 1024 + 1)]
    return found == [200, 413], f"1 KiB: {found[0]}; a byte more than 1 MiB: {found[1]}"


def _compression(lab: Lab) -> Said:
    body = json.dumps({"products": [{"id": number, "name": "a product"} for number in range(200)]})
    told = (ANSWER, json.dumps({"body": body}))
    answer = lab.send("GET", ORDERS, lab.token(), [told, ("accept-encoding", "gzip")])
    return len(answer.body) < len(body) / 4, f"{len(body)} bytes are sent as {len(answer.body)}"


def _keys(lab: Lab) -> Said:
    mine = [("x-api-key", lab.api_key)]
    read = lab.send("GET", ORDERS, headers=mine)
    given = (
        read.status,
        lab.send("GET", USERS, headers=mine).status,
        lab.send("GET", ORDERS, headers=[("x-api-key", lab.api_key[::-1])]).status,
        lab.send("GET", ORDERS, lab.token(), mine).status,
    )
    return (given, read.values("x-lab-consumer"), read.values("x-api-key")) == (
        (200, 403, 401, 401),
        ["warehouse"],
        [],
    ), (
        f"orders {given[0]}, as {read.values('x-lab-consumer')}; "
        f"users {given[1]}; another key {given[2]}; beside a token {given[3]}"
    )


def _cache(lab: Lab) -> Said:
    token, path, before = lab.token(), f"{PRODUCTS}/{time.time_ns()}", lab.products.echo.requests
    found = Counter(lab.send("GET", path, token).headers.get("x-cache") for _ in range(20))
    asked = lab.products.echo.requests - before
    outside = lab.send("PURGE", path, token).status
    purged = [send(one.purge, "PURGE", path, [("host", "product-cache-purge")]).status for one in lab.caches]
    again = lab.send("GET", path, token).headers.get("x-cache")
    pods = len(lab.caches)
    return (found, asked, outside, purged, again) == (
        Counter(miss=pods, hit=20 - pods), pods, 403, [200] * pods, "miss",
    ), (
        f"20 reads: {dict(found)}, the service is asked {asked} times; a purge from outside {outside}, from the service {purged}, "
        f"then: {again}"
    )  # fmt: skip


def _traced(lab: Lab) -> Said:
    answer = lab.send("GET", ORDERS, lab.token())
    (told,) = answer.values("traceparent")
    trace, parent = told.split("-")[1:3]

    def names() -> list[str]:
        return [one.name for one in lab.spans if one.trace == trace]

    wait_until(lambda: any(one.id == parent for one in lab.spans), f"trace {trace} at the store's door", patience=20)
    return True, f"trace {trace}: {len(names())} spans of the gateway, and the service goes on with {parent}"


def _logged(lab: Lab) -> Said:
    client = f"100.66.0.{time.time_ns() % 250 + 1}"
    lab.send("GET", f"{ORDERS}/no-such-order", lab.token(), client=client)
    line = json.loads(lab.edge.access_log(client).splitlines()[-1])
    shown = {name: line.get(name) for name in ("method", "path", "status", "client", "trace_id")}
    return (shown["path"], shown["client"]) == (f"{ORDERS}/no-such-order", client), json.dumps(shown)


_HEAD = "-H 'host: lab.eco2.example.com'"
_CURL = f'curl -s {_HEAD} -H "authorization: Bearer $TOKEN" $URL'


def _step(box: str, curl: str, expected: str, do: Callable[[Lab], Said]) -> Step:
    return Step(box=box, curl=curl, expected=expected, do=do)


_LOGIN = f"""curl -s {_HEAD} $URL/api/v1/auth/login -d '{{"username": "user", "password": "user-password"}}'"""
_PREFLIGHT = "-H 'origin: https://shop.example.com' -H 'access-control-request-method: PUT'"
_COUNT = "grep -o '\"service\": [^,]*' | sort | uniq -c"

STEPS = (
    _step("JWT 토큰 생성 및 검증 동작", _LOGIN,
          "a token; with a wrong password 401; a forged one is refused by the gateway itself", _tokens),
    _step("인증 없는 요청 차단 확인", f"curl -si {_HEAD} $URL{PRODUCTS}", "401, and a Bearer token is asked for", _nobody),
    _step("CORS 정책 동작 검증", f"curl -si -X OPTIONS {_HEAD} $URL{USERS} {_PREFLIGHT}",
          "the document's methods and headers", _cors),
    _step("로드밸런싱 가중치 동작", f"for i in $(seq 90); do {_CURL}{USERS}; echo; done | {_COUNT}",
          "about 80 percent for user-service, 20 for user-service-v2", _weights),
    _step("카나리 배포 트래픽 분산", f"{_CURL}{USERS} -H 'x-release: v2'", "the release that a tester names", _canary),
    _step("재시도 정책 동작", f"{_CURL}{ORDERS}", "a read is sent again, up to three times", _retries),
    _step("타임아웃 설정 적용", f"{_CURL}{ORDERS} -X POST -H '{ANSWER}: {{\"delay\": 8}}'",
          "504 after five seconds", _timeouts),
    _step("서비스 다운 시 자동 failover", f"{_CURL}{ORDERS}", "one of two pods hangs up, and no reader sees it", _failover),
    _step("헬스체크 기반 자동 복구", f"{_CURL}{NOTES} -X POST", "a pod that fails is set aside, and comes back", _recovery),
    _step("서킷 브레이커 동작 확인", f"{_CURL}{NOTES} -X POST", "all pods are out: 503, as JSON", _breaker),
    _step("mTLS 구현", f"{_CURL}{ORDERS}", "services see the gateway's certificate, and take nobody else", _mutual_tls),
    _step("IP 화이트리스트", f"{_CURL}/api/v1/admin/stats -H 'x-forwarded-for: 203.0.113.7'",
          "an admin's token opens the admin surface from listed addresses alone", _addresses),
    _step("요청 크기 제한", f"head -c 1048577 /dev/zero | {_CURL}{ORDERS} --data-binary @-", "413", _sizes),
    _step("API 키 관리", f'curl -s {_HEAD} -H "x-api-key: $API_KEY" $URL{ORDERS}',
          "opens what its consumer is given, and nothing beside a token", _keys),
    _step("캐싱 전략", f"{_CURL}{PRODUCTS} -o /dev/null -D - | grep x-cache",
          "miss once for each of the cache's pods, then hit; who takes it back is the product service alone", _cache),
    _step("압축 설정", f"{_CURL}{ORDERS} --compressed -w '%{{size_download}}'", "a fraction of the bytes", _compression),
    _step("분산 추적 데이터 수집", f"{_CURL}{ORDERS} | grep -o 'traceparent[^]]*'",
          "the gateway's spans are at the store's door, and the service is told which trace to go on with", _traced),
    _step("로그 분석", f"{_CURL}{ORDERS}/no-such-order", "a line of JSON in the gateway's log, with its trace", _logged),
    _step("Prometheus 메트릭 수집 동작", 'curl -s "$PROMETHEUS/api/v1/query?query=up"',
          "the gateway's own counters", _metrics),
    _step("서비스별 메트릭 시각화", "open $PROMETHEUS/graph", "each service is a series of its own", _per_service),
    _step("Rate Limiting 정책 적용 확인", f"for i in $(seq {PER_MINUTE + 5}); do {_CURL}{PRODUCTS} -o /dev/null; done",
          f"{PER_MINUTE} a minute and consumer, then 429 and when to come again", _limits),
)  # fmt: skip
"""In an order in which no step spoils the next."""
