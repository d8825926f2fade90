"""Limits and answers of a tenant's hosts: what the builders write, that filter and rules agree, and what they refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.components.mesh.filters.local_limits import Burst, burst_limit
from infra.components.mesh.filters.placing import GatewayFilterArgs, gateway_filter
from infra.components.mesh.filters.rate_limits import (
    ByAddress,
    ByClaim,
    ByHeader,
    Limited,
    Rate,
    asks_the_limiter,
    limited_host,
    rules,
)
from infra.components.mesh.filters.response_headers import TELLTALE, SecurityHeaders, headers_of_host, hidden_programs
from infra.components.mesh.objects import Place
from infra.contract import Tenant
from infra.edge import Answers, BurstLimit, Limit
from infra.systems.eco2.rate_limits import REDIS_CONF, settings

MINUTE, HOUR = Rate(number=100, unit="minute"), Rate(number=1000, unit="hour")
ORDERS = Limited(
    name="orders", per=ByClaim(claim="sub"), rates=[MINUTE, HOUR], paths=["/api/v1/orders"], methods=["POST", "PUT"]
)
ALL = Limited(name="all", per=ByAddress(), rates=[MINUTE])
CLIENTS = Limited(name="clients", per=ByHeader(header="X-Client"), rates=[HOUR])


def descriptors(limit: Limited) -> list[list[tuple[str, str]]]:
    """What Envoy sends for a request that the limit is about, as keys and values; `*` for what is the client's."""

    def entry(action: dict[str, Any]) -> tuple[str, str]:
        ((kind, said),) = action.items()
        return said.get("descriptor_key", kind), said.get("descriptor_value", "*")

    patch = limited_host("limits", "shop.example.com", 8080, domain="shop", limits=[limit])
    (config,) = patch["patch"]["value"]["typed_per_filter_config"].values()
    return [[entry(action) for action in one["actions"]] for one in config["rate_limits"]]


def known(limit: Limited) -> list[list[tuple[str, str]]]:
    """What the service has a rate for."""
    found = []
    for one in rules("shop", [limit])["descriptors"]:
        (inner,) = one["descriptors"]
        assert inner["rate_limit"]
        found.append([(one["key"], one["value"]), (inner["key"], "*")])
    return found


@pytest.mark.parametrize("limit", [ORDERS, ALL, CLIENTS], ids=lambda limit: limit.name)
def test_the_service_has_a_rate_for_all_that_the_gateway_asks_about(limit: Limited) -> None:
    assert descriptors(limit) == known(limit)
    assert len(known(limit)) == len(limit.rates)


def test_rates_are_as_declared() -> None:
    found = [one["descriptors"][0]["rate_limit"] for one in rules("shop", [ORDERS])["descriptors"]]
    assert found == [{"unit": "minute", "requests_per_unit": 100}, {"unit": "hour", "requests_per_unit": 1000}]


@pytest.mark.parametrize(
    ("path", "method", "counted"),
    [
        ("/api/v1/orders", "POST", True),
        ("/api/v1/orders/7?x=1", "PUT", True),
        ("/api/v1/orders?x=1", "POST", True),
        ("/api/v1/orders;x=1", "POST", True),
        ("/api/v1/ordersx", "POST", False),
        ("/x/api/v1/orders", "POST", False),
        ("/api/v1/orders", "GET", False),
        ("/api/v1/orders", "POSTS", False),
    ],
)
def test_a_limit_is_about_its_paths_and_methods(path: str, method: str, counted: bool) -> None:
    patch = limited_host("limits", "shop.example.com", 8080, domain="shop", limits=[ORDERS])
    (config,) = patch["patch"]["value"]["typed_per_filter_config"].values()
    for one in config["rate_limits"]:
        wanted = one["actions"][0]["header_value_match"]["headers"]
        value = {":path": path, ":method": method}
        held = [re.fullmatch(each["string_match"]["safe_regex"]["regex"], value[each["name"]]) for each in wanted]
        assert all(held) is counted


@pytest.mark.parametrize("closed", [True, False])
def test_without_the_limiter_a_gateway_does_what_was_chosen(closed: bool) -> None:
    patch = asks_the_limiter("limits", "ratelimit.ratelimit.svc.cluster.local", 8081, fail_closed=closed)
    config = patch["patch"]["value"]["typed_config"]
    assert config["failure_mode_deny"] is closed
    assert config["status_on_error"] == {"code": "ServiceUnavailable"}
    assert config["enable_x_ratelimit_headers"] == "DRAFT_VERSION_03"


def test_each_address_has_a_bucket_of_its_own() -> None:
    patch = burst_limit("shop.example.com", 8080, Burst(per_second=5, burst=20))
    (config,) = patch["patch"]["value"]["typed_per_filter_config"].values()
    (bucket,) = config["descriptors"]
    assert bucket["token_bucket"] == {"max_tokens": 20, "tokens_per_fill": 5, "fill_interval": "1s"}
    assert bucket["entries"] == [{"key": "masked_remote_address"}]
    assert config["always_consume_default_token_bucket"] is False


def test_an_answer_says_how_it_may_be_used_and_not_who_made_it() -> None:
    patch = headers_of_host("shop.example.com", 8080, SecurityHeaders(more={"X-Shop": "1"}))
    (config,) = patch["patch"]["value"]["typed_per_filter_config"].values()
    written = {one["append"]["header"]["key"]: one["append"] for one in config["mutations"]["response_mutations"]}
    assert set(written) == {
        "strict-transport-security", "content-security-policy", "referrer-policy", "permissions-policy",
        "x-content-type-options", "x-frame-options", "x-shop",
    }  # fmt: skip
    assert {one["append_action"] for one in written.values()} == {"OVERWRITE_IF_EXISTS_OR_ADD"}
    assert written["strict-transport-security"]["header"]["value"] == "max-age=63072000; includeSubDomains; preload"
    hidden, _ = hidden_programs()
    removed = hidden["patch"]["value"]["typed_config"]["mutations"]["response_mutations"]
    assert {one["remove"] for one in removed} == {*TELLTALE}


def test_a_page_says_where_its_scripts_come_from() -> None:
    page = "default-src 'self'; script-src 'self' https://cdn.example.com; style-src 'self' 'unsafe-inline'"
    assert SecurityHeaders(content_security_policy=page).headers["content-security-policy"] == page


def test_the_counters_are_on_a_socket_of_the_pod() -> None:
    lines = REDIS_CONF.read_text().splitlines()
    assert "port 0" in lines
    assert f"unixsocket {settings()['REDIS_URL']}" in lines


def test_of_two_filters_that_are_put_first_the_later_one_is_before_the_other() -> None:
    args = GatewayFilterArgs(place=Place(name="x", namespace="y"), workload={"a": "b"}, patches=[{}])
    assert "priority" not in gateway_filter(args)
    assert gateway_filter(replace(args, priority=10))["priority"] == 10


def tenant(**more: Any) -> Tenant:
    return Tenant(system="shop", namespaces={}, workloads=[], arrows=[], **{"hosts": ["till"], **more})


REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "no rate": ("one for each unit", lambda: replace(ALL, rates=[])),
    "two rates of a unit": ("one for each unit", lambda: replace(ALL, rates=[MINUTE, MINUTE])),
    "a rate of nothing": ("at least 1", lambda: replace(ALL, rates=[Rate(number=0, unit="day")])),
    "a name with a sign": ("is not like", lambda: replace(ALL, name="a:b")),
    "a path by pattern": ("is not like", lambda: replace(ALL, paths=["/api/*"])),
    "a burst of less than a second's": ("not at least", lambda: Burst(per_second=5, burst=4)),
    "HSTS for a month": ("a year", lambda: SecurityHeaders(hsts_seconds=2_592_000)),
    "scripts of anywhere": ("is none", lambda: SecurityHeaders(content_security_policy="default-src *")),
    "scripts that stand in the page": (
        "is none",
        lambda: SecurityHeaders(content_security_policy="script-src 'self' 'unsafe-inline'"),
    ),
    "a policy that is silent of scripts": (
        "is none",
        lambda: SecurityHeaders(content_security_policy="img-src 'self'"),
    ),
    "scripts of any site": (
        "is none",
        lambda: SecurityHeaders(content_security_policy="default-src 'none'; script-src https:"),
    ),
    "another's host": ("of its own", lambda: tenant(limits=[Limit(host="bank", limited=ALL)])),
    "one name twice": ("two limits", lambda: tenant(limits=[Limit(host="till", limited=ALL)] * 2)),
    "nothing bounds it": (
        "no burst",
        lambda: tenant(limits=[Limit(host="till", limited=ALL, without_limiter="let pass")]),
    ),
    "two bursts": ("once", lambda: tenant(bursts=[BurstLimit(host="till", burst=Burst(per_second=1, burst=1))] * 2)),
    "answers of another's host": ("once", lambda: tenant(answers=[Answers(hosts=["bank"])])),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_limits_less_than_it_says_is_refused(what: str) -> None:
    said, refused = REFUSED[what]
    with pytest.raises(ValueError, match=said):
        refused()
