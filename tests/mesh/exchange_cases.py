"""The exchange's front door as tables: routes, tokens, limits, what is repeated, headers. To add a case, add a line.

The limits of the rig are of a day and small (`CHANGES`), and whoever is counted has a name and an address of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.components.mesh.filters.response_headers import SecurityHeaders
from infra.systems.exchange.document import HEALTH, LIVENESS, NAMESPACE, PORT, READINESS, SERVICES
from tests.mesh.cases import ABSENT, Case
from tests.mesh.client import Answer
from tests.mesh.issuer import Issuer
from tests.mesh.mutations import Mutation, edited, gone
from tests.mesh.rig import Edge, Workload
from tests.mesh.tokens import tokens as eco2_tokens

HOST, ECO2 = "exchange.eco2.example.com", "api.eco2.example.com"
WORKLOADS = [
    *(Workload(name=one.name, namespace=NAMESPACE, port=PORT) for one in SERVICES),
    Workload(name="my-api", namespace="my", port=8000),
]
ALLOWED = 3
CHANGES: Mapping[str, Any] = {
    "exchange.wallet": {
        "read_scope": "wallet:read", "write_scope": "wallet:write", "without_limiter": "refuse",
        "user_requests": ALLOWED, "address_requests": 1000, "window": "day",
    },
    "exchange.risk": {
        "read_scope": "risk:read", "write_scope": "risk:write",
        "user_requests": 1000, "address_requests": ALLOWED, "window": "day", "idempotent_writes": True,
    },
    "exchange.trading": {"read_scope": "trade:read", "write_scope": "trade:write", "timeout_seconds": 2, "read_attempts": 1},
    "exchange.bursts": {"per_second": 1, "at_once": 20},
}  # fmt: skip
ISSUER = Issuer("https://login.example.com/", "exchange-api", scope="openid trade:read trade:write profile")
ORDERS, BALANCE, SCORE = "/api/v1/trade/orders", "/api/v1/wallet/balance", "/api/v1/risk/score"
TRADING, WALLET, RISK = (one.name for one in SERVICES)
_numbers = itertools.count()
Headers = list[tuple[str, str]]


def tokens() -> Mapping[str, str]:
    return {
        **{f"bad_{name}": token for name, token in ISSUER.bad().items()},
        "trader": ISSUER.token(),
        "reader": ISSUER.token(scope="trade:read"),
        "writer": ISSUER.token(scope="trade:write"),
        "saver": ISSUER.token(scope="wallet:read wallet:write", sub=f"saver-{next(_numbers)}"),
        "scorer": ISSUER.token(scope="risk:read risk:write"),
        "nearly": ISSUER.token(scope="trade:reader xtrade:read trade trade:read,wallet"),
        "scopeless": ISSUER.token(scope=None),
        "of_many": ISSUER.token(aud=["another", "exchange-api"]),
        "eco2": eco2_tokens()["valid"],
    }  # fmt: skip


def bearer(token: str) -> Headers:
    return [("authorization", f"Bearer {{{token}}}")]


def somebody(scope: str) -> Headers:
    """A token of a user who never came before."""
    return [("authorization", f"Bearer {ISSUER.token(sub=f'user-{next(_numbers)}', scope=scope)}")]


def somewhere() -> str:
    """An address that nobody ever came from."""
    number = next(_numbers)
    return f"100.65.{number // 250}.{number % 250}"


SAFE = SecurityHeaders().headers
HIDDEN = dict.fromkeys(("server", "x-powered-by", "x-envoy-upstream-service-time"), ABSENT)


def case(name: str, target: str, status: int, headers: Sequence[tuple[str, str]] = (), **more: Any) -> Case:
    """Whatever comes back has the headers of safety."""
    told = {"host": HOST, "tokens": tokens, "gets": {**SAFE, **HIDDEN, **more.pop("gets", {})}}
    return Case(**{"name": name, "target": target, "status": status, "headers": headers, **told, **more})


ASKED = {"www-authenticate": "Bearer"}
FOR_OTHERS = ("for_others", "for_nobody")
BAD = [name for name in ISSUER.bad() if name not in ("nobody", *FOR_OTHERS)]

ROUTES = [
    # 역할과 흐름, step 4.
    case("an order is read", ORDERS, 200, bearer("trader"), service=TRADING, path=ORDERS),
    case("an order is sent", ORDERS, 200, bearer("trader"), method="POST", body=9, service=TRADING),
    case("a balance is read", BALANCE, 200, bearer("saver"), service=WALLET, path=BALANCE),
    case("a score is read", f"{SCORE}?of=1", 200, bearer("scorer"), service=RISK, path=f"{SCORE}?of=1",
         client="100.66.0.1"),
    case("a prefix itself", "/api/v1/trade", 200, bearer("trader"), service=TRADING),
    case("what only begins like a prefix", "/api/v1/traders", 403, bearer("trader")),
    case("a prefix that nobody has", "/api/v1/admin", 403, bearer("trader")),
    *(case(f"the services' own {path}", path, 403, bearer("trader")) for path in (HEALTH, LIVENESS, READINESS)),
    case("the host with a port", ORDERS, 200, bearer("trader"), host=f"{HOST}:443", service=TRADING),
    case("another host", ORDERS, 403, bearer("trader"), host="other.example.com", gets=dict.fromkeys(SAFE, ABSENT)),
]  # fmt: skip

CHECKED = "exchange-edge.eco2.example.com"
CHECKS = [
    # Route53 Failover: what looks at the way in has no token, and learns that it is open.
    case("the way in is open", "/health", 200, host=CHECKED, service=None, says="up"),
    case("and says nothing more there", "/healthz", 401, host=CHECKED, gets=ASKED),
    case("no route of the exchange leads through it", ORDERS, 403, bearer("trader"), host=CHECKED),
    case("nor is it told on the exchange's own host", "/health", 403),
    case("it is open while a service is down", "/health", 200, host=CHECKED, given=f"{SERVICES[0].name} down",
         service=None, says="up"),
]  # fmt: skip

TOKENS = [
    # RequestAuthentication: 401 without a good token; a good one for somebody else's service is 403.
    case("no token", ORDERS, 401, gets=ASKED),
    case("no token, by POST", ORDERS, 401, method="POST", gets=ASKED),
    case("no token, by OPTIONS", ORDERS, 401, method="OPTIONS"),
    case("no token, where nothing is", "/api/v1/none", 401, gets=ASKED),
    *(case(f"a bad token: {name}", ORDERS, 401, bearer(f"bad_{name}")) for name in BAD),
    *(case(f"a bad token: {name}", ORDERS, 403, bearer(f"bad_{name}"), details="jwt_authn") for name in FOR_OTHERS),
    case("a token of nobody", ORDERS, 401, bearer("bad_nobody")),
    case("the cluster's own token", ORDERS, 401, bearer("eco2")),
    case("for us and others", ORDERS, 200, bearer("of_many"), service=TRADING),
    case("two tokens", ORDERS, 401, [*bearer("trader"), *bearer("bad_foreign")]),
    case("a token in the query", f"{ORDERS}?access_token=x", 401),
    case("Basic", ORDERS, 401, [("authorization", "Basic dXNlcjpwYXNz")]),
    case("the exchange's token at eco2", "/api/v1/my/profile", 401, bearer("trader"), host=ECO2,
         gets={**dict.fromkeys(SAFE, ABSENT), **HIDDEN}),
]  # fmt: skip

SCOPES = [
    # AuthorizationPolicy on scope: which one each route needs is in the settings; without it 403.
    case("a reader reads", ORDERS, 200, bearer("reader"), service=TRADING),
    case("a reader does not write", ORDERS, 403, bearer("reader"), method="POST"),
    *(case(f"a reader does not {method}", ORDERS, 403, bearer("reader"), method=method) for method in ("PUT", "PATCH", "DELETE")),
    case("a writer does not read", ORDERS, 403, bearer("writer")),
    case("no method of one's own", ORDERS, 403, bearer("trader"), method="PROPFIND"),
    case("without a scope", ORDERS, 403, bearer("scopeless"), details="rbac_access_denied_matched_policy[none]"),
    case("scopes that only look like it", ORDERS, 403, bearer("nearly")),
    case("a trader has no wallet", BALANCE, 403, bearer("trader")),
    case("a saver does not trade", ORDERS, 403, bearer("saver")),
    case("a detour from one prefix to another", "/api/v1/trade/../wallet/balance", 403, bearer("trader")),
    case("an encoded one", "/api/v1/trade/%2e%2e/wallet/balance", 403, bearer("trader")),
    case("with encoded slashes", "/api/v1/trade%2f..%2fwallet%2fbalance", 403, bearer("trader")),
    case("with backslashes", "/api/v1/trade\\..\\wallet\\balance", 403, bearer("trader")),
    case("a method that is overridden by a header", ORDERS, 200, [*bearer("reader"), ("x-http-method-override", "POST")],
         service=TRADING),
]  # fmt: skip

IDENTITY = [
    # Forwarded claims are the token's alone; the token itself ends at the gateway.
    case("the service hears who calls", ORDERS, 200, bearer("trader"), service=TRADING,
         sees={"x-exchange-user": "user-1", "x-exchange-scope": "openid trade:read trade:write profile",
               "authorization": ABSENT}),
    case("a forged name beside a token", ORDERS, 200, [*bearer("trader"), ("x-exchange-user", "root"), ("X-Exchange-Scope", "all")],
         service=TRADING, sees={"x-exchange-user": "user-1"}),
    case("a scope that the token has not", ORDERS, 403, [*bearer("scopeless"), ("x-exchange-scope", "trade:read")]),
    case("a forged name of eco2's", ORDERS, 200, [*bearer("trader"), ("x-user-id", "root")], service=TRADING,
         sees={"x-user-id": ABSENT}),
    case("a name with underscores", ORDERS, 400, [*bearer("trader"), ("x_exchange_user", "root")],
         gets=dict.fromkeys((*SAFE, *HIDDEN))),
]  # fmt: skip

RESILIENCE = [
    # Retry / Timeout: a read may be sent again, an order only if nobody saw it or its service knows it again.
    case("a read that failed once", ORDERS, 200, bearer("trader"), service=TRADING,
         answers={"status": 503, "times": 1}, attempts=2),
    case("a read that fails for good", ORDERS, 503, bearer("trader"), answers={"status": 503, "body": "out"}, attempts=2,
         says="out", service=None),
    case("an order that failed is not sent again", ORDERS, 503, bearer("trader"), method="POST",
         answers={"status": 503, "body": "out"}, attempts=1, service=None),
    case("nor one whose answer is lost", ORDERS, 503, bearer("trader"), method="POST", attempts=1),
    case("nor one with a key, which this service does not know again", ORDERS, 503,
         [*bearer("trader"), ("idempotency-key", "1")], method="POST", answers={"status": 503, "body": "out"}, attempts=1,
         service=None),
    case("with a key, where the service knows it again", SCORE, 200, [*bearer("scorer"), ("idempotency-key", "2")],
         method="POST", body=1, answers={"status": 503, "times": 1}, attempts=2, service=RISK, client="100.66.0.2"),
    case("and there without one", SCORE, 503, bearer("scorer"), method="POST", answers={"status": 503, "body": "out"},
         attempts=1, service=None, client="100.66.0.3"),
    case("an order that takes too long", ORDERS, 504, bearer("trader"), method="POST", answers={"delay": 4}, attempts=1,
         within=3.5, service=None),
    case("a read that takes too long is tried again, and ends", ORDERS, 504, bearer("trader"), answers={"delay": 6},
         within=3.5, service=None),
    case("a service that is down", ORDERS, 503, bearer("trader"), given=f"{TRADING} down", service=None),
]  # fmt: skip

LIMITER = [
    # What happens without the limiter is chosen by route: money waits, orders go on within their bursts.
    case("the limiter is down: the wallet waits", BALANCE, 503, bearer("saver"), given="limits down", within=0.9),
    case("the limiter is silent: the wallet waits", BALANCE, 503, bearer("saver"), given="limits silent", within=0.9),
    case("the limiter is down: orders go on", ORDERS, 200, bearer("trader"), given="limits down", service=TRADING),
    case("the limiter is silent: orders go on", ORDERS, 200, bearer("trader"), given="limits silent", within=1.5,
         service=TRADING),
    case("its counters are down: the wallet waits", BALANCE, 503, bearer("saver"), given="counters down"),
]  # fmt: skip

CASES = [*ROUTES, *CHECKS, *TOKENS, *SCOPES, *IDENTITY, *RESILIENCE, *LIMITER]


@dataclass(frozen=True)
class Counted:
    """A limit: `who` makes somebody new, and `ask` sends a request of his."""

    name: str
    who: Callable[[], Any]
    ask: Callable[[Edge, Any], Answer]


COUNTED = (
    Counted("a user, from wherever", lambda: somebody("wallet:read"),
            lambda edge, who: edge.send("GET", BALANCE, who, host=HOST, client=somewhere())),
    Counted("a user who spells it otherwise", lambda: somebody("wallet:read"),
            lambda edge, who: edge.send("GET", "/api/v1//wallet/%62alance", who, host=HOST, client=somewhere())),
    Counted("a user, by write too", lambda: somebody("wallet:write"),
            lambda edge, who: edge.send("POST", BALANCE, who, b"1", host=HOST, client=somewhere())),
    Counted("an address, whoever its users are", somewhere,
            lambda edge, who: edge.send("GET", SCORE, somebody("risk:read"), host=HOST, client=who)),
    Counted("an address that says to be another", somewhere,
            lambda edge, who: edge.send("GET", SCORE, [*somebody("risk:read"), ("x-forwarded-for", somewhere())],
                                       host=HOST, client=who)),
)  # fmt: skip


def _rule(number: int, key: str) -> Callable[[dict[str, Any]], object]:
    return lambda spec: spec["rules"][number].pop(key)


def _reads_alone(spec: dict[str, Any]) -> None:
    """An order's route repeats what a read's does."""
    reads, *others = spec["http"]
    for one in others:
        one["retries"] = dict(reads["retries"])


MUTATIONS = [
    Mutation("no token is required", gone("AuthorizationPolicy", "exchange-exchange-token"), "no token"),
    Mutation("whose tokens are read is forgotten", gone("RequestAuthentication", "exchange-tokens"), "an order is read"),
    Mutation(
        "tokens for others are taken",
        edited("RequestAuthentication", "exchange-tokens", lambda spec: spec["jwtRules"][0].pop("audiences")),
        "a bad token: for_others",
    ),
    Mutation(
        "a token of any issuer will do",
        edited("RequestAuthentication", "exchange-tokens", lambda spec: spec["jwtRules"][0].update(issuer="https://evil.example")),
        "an order is read",
    ),
    Mutation(
        "the services are not told who calls",
        edited("RequestAuthentication", "exchange-tokens", lambda spec: spec["jwtRules"][0].pop("outputClaimToHeaders")),
        "a forged name beside a token",
    ),
    Mutation(
        "the token is passed on",
        edited("RequestAuthentication", "exchange-tokens", lambda spec: spec["jwtRules"][0].update(forwardOriginalToken=True)),
        "the service hears who calls",
    ),
    Mutation("the scope is not looked at", edited("AuthorizationPolicy", "exchange-edge", _rule(0, "when")), "without a scope"),
    Mutation(
        "whoever reads may write",
        edited("AuthorizationPolicy", "exchange-edge", lambda spec: spec["rules"][0]["to"][0]["operation"].pop("methods")),
        "a reader does not write",
    ),
    Mutation(
        "the whole host is open to a token",
        edited("AuthorizationPolicy", "exchange-edge", lambda spec: spec["rules"][0]["to"][0]["operation"].pop("paths")),
        "a prefix that nobody has",
    ),
    Mutation("answers have no headers", gone("EnvoyFilter", "tenants-answers"), "an order is read"),
    Mutation(
        "orders are sent again", edited("VirtualService", "exchange-vs", _reads_alone), "an order that failed is not sent again"
    ),
    Mutation(
        "an order may take for ever",
        edited("VirtualService", "exchange-vs", lambda spec: [one.pop("timeout") for one in spec["http"]]),
        "an order that takes too long",
    ),
    Mutation("the wallet does not wait", gone("EnvoyFilter", "tenants-rate-limits"), "the limiter is down: the wallet waits"),
]  # fmt: skip
