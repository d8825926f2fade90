"""Routes by more than the path, and what a destination promises: which request goes where, as Envoy would read the spec."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.components.mesh.cors import Cors, cors
from infra.components.mesh.destinations import ZONES, Budget, DestinationArgs, Outliers, Pool, Sticky, destination
from infra.components.mesh.objects import Place
from infra.components.mesh.routes import PRESENT, Retries, Route, RoutesArgs, Share, Stay, routes

PLACE = Place(name="users", namespace="lab")
USERS = Route(prefix="/api/users", host="users.lab.svc.cluster.local", port=8080, timeout="5s")
CANARY = replace(USERS, shares=[Share(percent=80, subset="v1"), Share(percent=20, subset="v2")])
ARGS = RoutesArgs(place=PLACE, hosts=["lab.example.com"], gateways=["istio-system/lab-gateway"], routes=[USERS])
HOST = DestinationArgs(place=PLACE, host=USERS.host, replicas=4)


def http(*wanted: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = routes(replace(ARGS, routes=wanted))["http"]
    return found


def taken(spec: list[dict[str, Any]], method: str, **headers: str) -> str | None:
    """The name of the first route whose conditions beside the path hold."""

    def holds(wanted: dict[str, str], value: str | None) -> bool:
        if value is None:
            return False
        if "regex" in wanted:
            return re.fullmatch(wanted["regex"], value) is not None
        return wanted in ({}, {"exact": value})

    for route in spec:
        match = route["match"][0]
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if holds(match.get("method", {}), method) and all(
            holds(wanted, given.get(name)) for name, wanted in match.get("headers", {}).items()
        ):
            return str(route["name"])
    return None


def test_a_route_is_split_by_method() -> None:
    reads = replace(USERS, name="reads", methods=["GET", "HEAD"], retries=Retries(attempts=3, on="5xx,reset"))
    spec = http(reads, replace(USERS, name="writes"))
    assert [taken(spec, one) for one in ("GET", "HEAD", "POST", "GETS")] == ["reads", "reads", "writes", "writes"]
    assert spec[0]["retries"] == {"attempts": 3, "retryOn": "5xx,reset"}
    assert spec[1]["retries"]["retryOn"] == "connect-failure,refused-stream,reset-before-request"


def test_each_try_is_bounded() -> None:
    (spec,) = http(replace(USERS, retries=Retries(per_try_timeout="1s")))
    assert spec["retries"]["perTryTimeout"] == "1s"


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, False),
        ({"methods": ["GET"]}, True),
        ({"methods": ["GET", "POST"]}, False),
        ({"methods": ["DELETE"]}, False),
        ({"headers": {"Idempotency-Key": PRESENT}}, True),
        ({"headers": {"x-request-id": PRESENT}}, False),
    ],
)
def test_only_what_is_safe_to_repeat_is_repeated_once_it_was_seen(change: dict[str, Any], allowed: bool) -> None:
    route = replace(USERS, retries=Retries(on="connect-failure,5xx"), **change)
    if allowed:
        assert http(route)[0]["retries"]["retryOn"] == "connect-failure,5xx"
    else:
        with pytest.raises(ValueError, match="would repeat what the upstream has seen"):
            http(route)


def test_a_header_or_a_cookie_chooses_a_subset() -> None:
    tester = replace(USERS, name="testers", headers={"X-Release": "v2"}, subset="v2")
    cookie = replace(USERS, name="by-cookie", cookies={"release": "v2.1"}, subset="v2")
    spec = http(tester, cookie, USERS)
    assert taken(spec, "GET", x_release="v2") == "testers"
    assert taken(spec, "GET", x_release="v3") == "api-users"
    for value, name in [
        ("release=v2.1", "by-cookie"), ("a=1; release=v2.1; b=2", "by-cookie"), ("a=1;release=v2.1", "by-cookie"),
        ("release=v2x1", "api-users"), ("xrelease=v2.1", "api-users"), ("release=v2.12", "api-users"),
    ]:  # fmt: skip
        assert taken(spec, "GET", cookie=value) == name, value
    assert spec[0]["route"] == [{"destination": {"host": USERS.host, "port": {"number": 8080}, "subset": "v2"}}]


def test_shares_are_weights() -> None:
    (spec,) = http(CANARY)
    assert [(one["destination"]["subset"], one["weight"]) for one in spec["route"]] == [("v1", 80), ("v2", 20)]


def test_who_got_a_share_stays_with_it() -> None:
    spec = http(replace(CANARY, stay=Stay(cookie="release", seconds=3600)))
    assert [one["name"] for one in spec] == ["api-users-stays-v1", "api-users-stays-v2", "api-users"]
    assert taken(spec, "GET", cookie="release=v2") == "api-users-stays-v2"
    assert taken(spec, "GET", cookie="release=v3") == "api-users"
    (cookie,) = (one["headers"]["response"]["add"]["set-cookie"] for one in spec[-1]["route"] if one["weight"] == 20)
    assert cookie == "release=v2; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax"


def test_a_release_that_was_taken_back_keeps_nobody() -> None:
    back = replace(CANARY, shares=[Share(percent=100, subset="v1"), Share(percent=0, subset="v2")])
    spec = http(replace(back, stay=Stay(cookie="release", seconds=60)))
    assert taken(spec, "GET", cookie="release=v2") == "api-users"


@pytest.mark.parametrize(
    ("earlier", "hidden"),
    [
        (USERS, True),
        (replace(USERS, methods=["GET", "POST"]), True),
        (replace(USERS, methods=["POST"]), False),
        (replace(USERS, headers={"x-a": PRESENT}), True),
        (replace(USERS, headers={"x-a": "2"}), False),
        (replace(USERS, headers={"x-b": PRESENT}), False),
        (replace(USERS, cookies={"a": "1"}), False),
        (replace(USERS, prefix="/api/users/me"), False),
    ],
)
def test_a_route_that_could_never_be_taken_is_refused(earlier: Route, hidden: bool) -> None:
    later = replace(USERS, methods=["GET"], headers={"x-a": "1"})
    if hidden:
        with pytest.raises(ValueError, match="which takes it all"):
            http(earlier, later)
    else:
        assert len(http(earlier, later)) == 2


REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "shares of 90 percent": ("add up to 100", lambda: http(replace(CANARY, shares=[Share(percent=90, subset="v1")]))),
    "more than all": ("0 to 100", lambda: http(replace(CANARY, shares=[Share(percent=150), Share(percent=-50)]))),
    "shares beside a subset": ("in the place of a subset", lambda: http(replace(CANARY, subset="v1"))),
    "to stay with one of two that are the same": (
        "shares to stay with",
        lambda: http(replace(USERS, shares=[Share(percent=50)] * 2, stay=Stay(cookie="a", seconds=1))),
    ),
    "a cookie with a line of its own": (
        "no name of a header or a cookie",
        lambda: http(replace(CANARY, stay=Stay(cookie="a\r\nx", seconds=1))),
    ),
    "a header that is none": ("no name of a header", lambda: http(replace(USERS, headers={"x y": "1"}))),
    "credentials for any site": (
        "without credentials",
        lambda: cors(Cors(origins=["*"], methods=["GET"], credentials=True)),
    ),
    "any site beside a named one": (
        "stands alone",
        lambda: cors(Cors(origins=["*", "https://a.example"], methods=["GET"])),
    ),
    "an origin with a path": ("no origin such as", lambda: cors(Cors(origins=["https://a.example/"], methods=["GET"]))),
    "an origin by pattern": ("no origin such as", lambda: cors(Cors(origins=["https://*.example"], methods=["GET"]))),
    "no origin": ("names origins and methods", lambda: cors(Cors(origins=[], methods=["GET"]))),
    "all pods ejected": ("between 1 and 50", lambda: destination(replace(HOST, outliers=Outliers(max_percent=100)))),
    "stuck to two things": ("by one of", lambda: destination(replace(HOST, sticky=Sticky(header="x", address=True)))),
    "stuck to nothing": ("by one of", lambda: destination(replace(HOST, sticky=Sticky()))),
    "failover of a single pod": ("single one never is", lambda: destination(replace(HOST, replicas=1, nearest=ZONES))),
    "a subset of everything": ("the whole host", lambda: destination(replace(HOST, subsets={"v1": {}}))),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_says_less_than_it_seems_is_refused(what: str) -> None:
    said, refused = REFUSED[what]
    with pytest.raises(ValueError, match=said):
        refused()


def test_cors_is_as_declared_and_strangers_preflights_end_at_the_gateway() -> None:
    named = Cors(origins=["https://app.example.com"], methods=["GET"], headers=["authorization"], credentials=True)
    assert http(replace(USERS, cors=named))[0]["corsPolicy"] == {
        "allowOrigins": [{"exact": "https://app.example.com"}],
        "allowMethods": ["GET"],
        "allowHeaders": ["authorization"],
        "maxAge": "10m",
        "allowCredentials": True,
        "unmatchedPreflights": "IGNORE",
    }
    assert cors(Cors(origins=["*"], methods=["GET"]))["allowCredentials"] is False


def test_a_destination_says_what_it_is_told() -> None:
    told = replace(
        HOST,
        pool=Pool(connect_timeout="5s", max_retries=3, idle_timeout="60s", requests_per_connection=1000),
        outliers=Outliers(consecutive_5xx=3, consecutive_gateway_errors=2, interval="5s", max_percent=25,
                          min_healthy_percent=30),
        subsets={"v1": {"version": "v1"}, "v2": {"version": "v2"}},
        sticky=Sticky(cookie="pod"),
        nearest=ZONES,
        budget=Budget(percent=10),
    )  # fmt: skip
    assert destination(told) == {
        "host": USERS.host,
        "trafficPolicy": {
            "tls": {"mode": "ISTIO_MUTUAL"},
            "connectionPool": {
                "tcp": {"maxConnections": 100, "connectTimeout": "5s"},
                "http": {
                    "http1MaxPendingRequests": 100, "http2MaxRequests": 1000, "maxRetries": 3, "idleTimeout": "60s",
                    "maxRequestsPerConnection": 1000,
                },
            },
            "outlierDetection": {
                "consecutive5xxErrors": 3, "consecutiveGatewayErrors": 2, "interval": "5s", "baseEjectionTime": "30s",
                "maxEjectionPercent": 25, "minHealthPercent": 30,
            },
            "loadBalancer": {
                "consistentHash": {"httpCookie": {"name": "pod", "path": "/", "ttl": "1h"}},
                "localityLbSetting": {"enabled": True, "failoverPriority": list(ZONES)},
            },
            "retryBudget": {"percent": 10, "minRetryConcurrency": 3},
        },
        "subsets": [{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}],
    }  # fmt: skip


def test_who_got_another_host_stays_with_it() -> None:
    shares = [Share(percent=80), Share(percent=20, host="users-v2.shop.svc.cluster.local")]
    *stays, shared = http(replace(USERS, shares=shares, stay=Stay(cookie="release", seconds=60)))
    kept = [one["headers"]["response"]["add"]["set-cookie"].partition(";")[0] for one in shared["route"]]
    assert kept == [f"release={USERS.host.partition('.')[0]}", "release=users-v2"]
    assert [one["route"][0]["destination"]["host"] for one in stays] == [USERS.host, shares[1].host]
