"""What the exchange has at the gateway, as prod registers it; tests/mesh/test_exchange_edge.py tries it on a real Envoy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.exchange import Exchange
from infra.systems.exchange.document import SECURITY_HEADERS, SERVICES, Service
from infra.systems.exchange.edge import at_the_gateway
from infra.systems.exchange.front_door import bounds
from rehearsal.recording import Recording
from tests.stacks import stack_file
from tests.systems.test_exchange import BY_SERVICE, HOST, the

ISSUER = "https://login.example.com/"
SECTION: dict[str, Any] = json.loads(stack_file("prod").config["edge-platform:exchange"])


def settings(**changes: Any) -> Exchange:
    return Exchange.model_validate({**SECTION, **changes})


def opened(stack: Recording, service: Service) -> dict[str, list[str]]:
    """The scopes that open a service's paths, by the methods that they open."""
    rules = the(stack, "AuthorizationPolicy", "exchange-edge", "istio-system")["spec"]["rules"]
    return {
        " ".join(rule["to"][0]["operation"]["methods"]): [
            value for one in rule["when"] if one["key"] == "request.auth.claims[scope]" for value in one["values"]
        ]
        for rule in rules
        if rule["to"][0]["operation"]["paths"] == list(service.paths)
    }


class TestTokens:
    def test_tokens_of_the_issuer_for_the_audience_are_read(self, prod: Recording) -> None:
        (rule,) = the(prod, "RequestAuthentication", "exchange-tokens", "istio-system")["spec"]["jwtRules"]
        assert (rule["issuer"], rule["audiences"]) == (ISSUER, ["exchange-api"])
        assert rule["jwksUri"] == "https://login.example.com/.well-known/jwks.json"
        claims = {one["header"]: one["claim"] for one in rule["outputClaimToHeaders"]}
        assert claims == {"x-exchange-user": "sub", "x-exchange-scope": "scope"}
        assert rule["forwardOriginalToken"] is False

    def test_a_token_is_required_on_its_host(self, prod: Recording) -> None:
        spec = the(prod, "AuthorizationPolicy", "exchange-exchange-token", "istio-system")["spec"]
        assert spec["action"] == "DENY"
        (rule,) = spec["rules"]
        assert rule["from"][0]["source"]["notRequestPrincipals"] == [f"{ISSUER}/*"]
        assert HOST in rule["to"][0]["operation"]["hosts"]

    @BY_SERVICE
    def test_each_route_has_a_scope_to_read_and_one_to_write(self, prod: Recording, service: Service) -> None:
        word = {"svc-trading-api": "trade", "svc-wallet": "wallet", "svc-risk-control": "risk"}[service.name]
        assert opened(prod, service) == {"GET HEAD": [f"{word}:read"], "POST PUT PATCH DELETE": [f"{word}:write"]}


class TestLimits:
    def test_a_user_and_an_address_are_counted_on_every_route(self, prod: Recording) -> None:
        found = {one.limited.name for one in at_the_gateway(settings())["limits"]}
        assert found == {f"{one.name}-{who}" for one in SERVICES for who in ("user", "address")}
        patches = json.dumps(the(prod, "EnvoyFilter", "tenants-rate-limits", "istio-system")["spec"]["configPatches"])
        assert all(f"{name}-minute" in patches for name in found)

    def test_without_the_limiter_the_wallet_waits_and_orders_go_on(self) -> None:
        told = {one.limited.paths[0]: one.without_limiter for one in at_the_gateway(settings())["limits"]}
        assert told == {"/api/v1/trade": "let pass", "/api/v1/wallet": "refuse", "/api/v1/risk": "let pass"}

    def test_bursts_hold_without_the_limiter(self, prod: Recording) -> None:
        assert HOST in json.dumps(the(prod, "EnvoyFilter", "tenants-bursts", "istio-system")["spec"])


class TestHeaders:
    def test_every_answer_has_the_headers_of_the_document(self, prod: Recording) -> None:
        text = json.dumps(the(prod, "EnvoyFilter", "tenants-answers", "istio-system")["spec"])
        assert all(header in text for header in SECURITY_HEADERS)
        assert "includeSubDomains; preload" in text


class TestResilience:
    @BY_SERVICE
    def test_a_read_is_repeated_and_an_order_is_not(self, prod: Recording, service: Service) -> None:
        routes = {one["name"]: one for one in the(prod, "VirtualService", "exchange-vs")["spec"]["http"]}
        reads, plain = routes[f"{service.name}-reads"], routes[service.name]
        assert reads["match"][0]["method"] == {"regex": "GET|HEAD"}
        assert (reads["retries"]["attempts"], reads["retries"]["perTryTimeout"]) == (2, "1666ms")
        assert "gateway-error" in reads["retries"]["retryOn"]
        assert plain["retries"]["retryOn"] == "connect-failure,refused-stream,reset-before-request"
        assert reads["timeout"] == plain["timeout"] == "5s"

    @BY_SERVICE
    def test_calls_are_bounded_and_failing_pods_set_aside(self, prod: Recording, service: Service) -> None:
        policy = the(prod, "DestinationRule", service.name)["spec"]["trafficPolicy"]
        assert policy["tls"] == {"mode": "ISTIO_MUTUAL"}
        assert policy["connectionPool"]["tcp"]["maxConnections"] == 100
        assert policy["connectionPool"]["http"]["http2MaxRequests"] == 1000
        assert policy["outlierDetection"]["consecutive5xxErrors"] == 5
        assert policy["outlierDetection"]["maxEjectionPercent"] == 50
        assert policy["retryBudget"]["percent"] == 20
        assert policy["loadBalancer"]["localityLbSetting"] == {"enabled": False}

    def test_the_nearest_zone_may_come_first(self) -> None:
        near = settings(resilience={"nearest_zone_first": True}).resilience
        assert bounds(near)["nearest"][-1] == "topology.kubernetes.io/zone"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an issuer in plain text": ({"tokens": {**SECTION["tokens"], "issuer": "http://login.example.com"}}, "issuer"),
    "no audience": ({"tokens": {**SECTION["tokens"], "audiences": []}}, "audiences"),
    "a scope of two words": ({"risk": {"read_scope": "a b", "write_scope": "c"}}, "read_scope"),
    "a burst below its rate": ({"bursts": {"per_second": 9, "at_once": 8}}, "at_once 8 is below per_second 9"),
    "a service without an image": ({"images": {}}, "images has none"),
    "an image without its content": ({"images": dict.fromkeys(SECTION["images"], "1.0.0")}, "images"),
    "one pod": ({"scale": {"minimum": 1}}, "minimum"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_bad_setting_is_refused(what: str) -> None:
    changes, said = WRONG[what]
    with pytest.raises(ValidationError, match=said):
        settings(**changes)
