"""The gateway lab's edge as a table: one line per case, by the document's boxes; what takes many requests is in the tests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from infra.components.aws.load_balancer import CERTIFICATE_HEADERS
from infra.components.mesh.filters.api_keys import API_KEYS as FILTER
from infra.components.mesh.filters.api_keys import CONDITION
from infra.systems.gateway_lab.document import ADMIN, LOGIN, SERVICES, VERIFY
from tests.mesh.cases import ABSENT, Case
from tests.mesh.gateway_lab import API_KEYS, HOST, OFFICE, tokens
from tests.mesh.manifests import Manifest
from tests.mesh.mutations import Mutation, edited, gone

USERS, PRODUCTS, ORDERS = "/api/v1/users", "/api/v1/products", "/api/v1/orders"
SITE = "https://shop.example.com"
BAD = ("expired", "not_yet", "foreign", "stripped", "tampered", "none", "confused", "garbage", "unknown", "nobody")


def bearer(who: str = "user") -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {{{who}}}")]


def keyed(name: str) -> list[tuple[str, str]]:
    return [("x-api-key", f"{{key_{name}}}")]


def case(name: str, target: str, status: int, headers: Sequence[tuple[str, str]] = (), **more: Any) -> Case:
    told: dict[str, Any] = {"host": HOST, "tokens": tokens}
    told["service"] = (
        next((one.name for one in SERVICES if target.startswith(one.paths)), None) if status == 200 else None
    )
    return Case(**{"name": name, "target": target, "status": status, "headers": headers, **told, **more})


V1 = [*bearer(), ("x-release", "v1")]
V2 = [*bearer(), ("x-release", "v2")]

AUTHENTICATION = [
    # "JWT 토큰 생성 및 검증 동작", "인증 없는 요청 차단 확인".
    case("a token opens the services, and tells them who calls", VERIFY, 200, bearer(), method="POST",
         sees={"x-lab-user-id": "1", "x-lab-user-name": "user", "x-lab-user-role": "user", "authorization": ABSENT}),
    case("logging in needs none", LOGIN, 200, method="POST", body=5),
    case("logging in is a POST", LOGIN, 403),
    *(case(f"{one.name}: without a token, one is asked for", f"{one.paths[0]}/x", 401, gets={"www-authenticate": "Bearer"})
      for one in SERVICES if one.paths),
    case("without a token, by POST", ORDERS, 401, method="POST"),
    *(case(f"a bad token: {name}", USERS, 401, bearer(f"bad_{name}")) for name in BAD),
    case("a token for another service", USERS, 403, bearer("bad_for_others")),
    case("forged claims in headers", PRODUCTS, 200, [*bearer(), ("x-lab-user-role", "admin"), ("x-lab-user-id", "0")],
         sees={"x-lab-user-role": "user", "x-lab-user-id": "1"}),
    case("a path that nobody has", "/api/v1/secrets", 403, bearer()),
]  # fmt: skip

KEYS = [
    # "API 키 관리": who has no token.
    case("a key opens what its consumer is given, and says who calls", PRODUCTS, 200, keyed("new"),
         sees={"x-lab-consumer": "warehouse", "x-api-key": ABSENT, "x-lab-user-id": ABSENT}),
    case("the key before it holds as long as both are named", PRODUCTS, 200, keyed("old"),
         sees={"x-lab-consumer": "warehouse"}),
    case("a key may write where its consumer may", ORDERS, 200, keyed("new"), method="POST", body=3),
    case("another consumer's key is its own", ORDERS, 200, keyed("only"), sees={"x-lab-consumer": "auditor"}),
    case("a consumer that reads writes nothing", ORDERS, 403, keyed("only"), method="POST", details="rbac_access_denied"),
    case("a service that the consumer is not given", PRODUCTS, 403, keyed("only"), details="rbac_access_denied"),
    case("no key opens what is for admins", f"{ADMIN}/stats", 403, keyed("new"), client=OFFICE),
    case("no key logs in for somebody", VERIFY, 403, keyed("new"), method="POST"),
    case("a key that was taken out", PRODUCTS, 401, keyed("gone"), gets={"www-authenticate": "ApiKey"}, details="lua_response"),
    case("a key of which the last letter is wrong", PRODUCTS, 401, [("x-api-key", f"{API_KEYS['new'][:-1]}y")]),
    case("a key of which the first letter is wrong", PRODUCTS, 401, [("x-api-key", f"y{API_KEYS['new'][1:]}")]),
    case("an empty key", PRODUCTS, 401, [("x-api-key", "")]),
    case("a huge key", PRODUCTS, 401, [("x-api-key", "x" * 40_000)]),
    case("a key's digest is no key", PRODUCTS, 401, [("x-api-key", sha256(API_KEYS["new"].encode()).hexdigest())]),
    case("two keys, of which one holds", PRODUCTS, 401, [*keyed("new"), ("x-api-key", "other")]),
    case("two keys the other way round", PRODUCTS, 401, [("x-api-key", "other"), *keyed("new")]),
    case("a key twice", PRODUCTS, 401, [*keyed("new"), *keyed("new")]),
    case("a key in the query", f"{PRODUCTS}?x-api-key={API_KEYS['new']}&api_key={API_KEYS['new']}", 401,
         gets={"www-authenticate": "Bearer"}),
    case("a key as a token", PRODUCTS, 401, [("authorization", f"Bearer {API_KEYS['new']}")]),
    case("a key and a token", PRODUCTS, 401, [*bearer(), *keyed("new")]),
    case("a key and a token in a cookie", PRODUCTS, 401, [("cookie", "s_access={user}"), *keyed("new")]),
    case("a name without its key", PRODUCTS, 401, [("x-lab-consumer", "warehouse")], gets={"www-authenticate": "Bearer"}),
    case("a name beside a token", PRODUCTS, 200, [*bearer(), ("x-lab-consumer", "warehouse")],
         sees={"x-lab-consumer": ABSENT}),
    case("another's name beside a key", ORDERS, 200,
         [*keyed("only"), ("x-lab-consumer", "warehouse"), ("x-lab-user-role", "admin")],
         sees={"x-lab-consumer": "auditor", "x-lab-user-role": ABSENT}),
    case("a name with underscores", PRODUCTS, 400, [*keyed("new"), ("x_lab_consumer", "warehouse")]),
    case("on another system's host a key is nothing", "/api/v1/my/x", 401, keyed("new"), host="api.eco2.example.com"),
]  # fmt: skip

ROLES = [
    # Step 1-1's roles, and "IP 화이트리스트".
    case("an admin, from a listed address", f"{ADMIN}/stats", 200, bearer("admin"), client=OFFICE),
    case("an admin, from another address", f"{ADMIN}/stats", 403, bearer("admin"), details="rbac_access_denied"),
    case("a user, from a listed address", f"{ADMIN}/stats", 403, bearer(), client=OFFICE),
    case("a role that only sounds like it", f"{ADMIN}/stats", 403, bearer("root"), client=OFFICE),
    case("without a role", f"{ADMIN}/stats", 403, bearer("roleless"), client=OFFICE),
    case("a listed address that the client claims itself", f"{ADMIN}/stats", 403,
         [*bearer("admin"), ("x-forwarded-for", OFFICE)], details="rbac_access_denied"),
    case("another spelling of the admin's path", "/api/v1/users/../admin/stats", 403, bearer(), client=OFFICE),
]  # fmt: skip

PREFLIGHT = [
    ("origin", SITE),
    ("access-control-request-method", "PUT"),
    ("access-control-request-headers", "authorization"),
]
CORS = [
    # "CORS 정책 동작 검증".
    case("a page asks whether it may call", USERS, 200, PREFLIGHT, method="OPTIONS", service=None,
         gets={"access-control-allow-origin": SITE, "access-control-allow-methods": "GET,POST,PUT,DELETE",
               "access-control-allow-credentials": ABSENT}),
    case("a named page may read the answer", PRODUCTS, 200, [*bearer(), ("origin", SITE)],
         gets={"access-control-allow-origin": SITE}),
    case("another page may not", PRODUCTS, 200, [*bearer(), ("origin", "https://evil.example")],
         gets={"access-control-allow-origin": ABSENT}),
    case("no page calls without a token", PRODUCTS, 401, [("origin", SITE)]),
]  # fmt: skip

RELEASES = [
    # "카나리 배포 트래픽 분산": who is exempt from the weights.
    case("a tester asks for the new release", USERS, 200, V2, service="user-service-v2"),
    case("a tester asks for the old one", USERS, 200, V1, service="user-service"),
    case("a tester writes to the new release", USERS, 200, V2, method="POST", body=3, service="user-service-v2"),
]

FAILURE = [
    # "재시도 정책 동작", "타임아웃 설정 적용".
    case("a read that is refused twice is sent again", ORDERS, 200, bearer(), attempts=3,
         answers={"status": 503, "times": 2}),
    case("a read that fails for good is sent four times", ORDERS, 503, bearer(), attempts=4,
         answers={"status": 503, "body": "out"}),
    case("a write that fails is sent once", ORDERS, 503, bearer(), method="POST", answers={"status": 503, "body": "out"},
         attempts=1),
    case("a write whose answer is lost is sent once", ORDERS, 503, bearer(), method="POST", attempts=1),
    case("an answer that takes more than five seconds is not waited for", ORDERS, 504, bearer(), method="POST",
         answers={"delay": 8}, within=5.9, attempts=1, details="response_timeout"),
]  # fmt: skip

SWAY = ("x-forwarded-host", "x-original-url", "x-http-method-override", "cookie", "user-agent", "x-nobody-thought-of")

SIZES = [
    # "요청 크기 제한".
    case("a mebibyte", ORDERS, 200, bearer(), method="POST", body=1024 * 1024),
    case("a byte more", ORDERS, 413, bearer(), method="POST", body=1024 * 1024 + 1, details="request_payload_too_large"),
    case("who is not known sends nothing great", ORDERS, 401, method="POST", body=2 * 1024 * 1024),
    case("other systems' hosts take more", "/api/v1/my/upload", 200, [("authorization", "Bearer {eco2}")], method="POST",
         body=2 * 1024 * 1024, host="api.eco2.example.com", service="my-api"),
]  # fmt: skip

CACHE = [
    # "캐싱 전략": what passes by it, and what gets no further.
    case("a read of products comes by the cache", PRODUCTS, 200, bearer(), gets={"x-cache": "miss"},
         sees={"host": "product-service.gateway-lab.svc.cluster.local", "x-lab-user-id": "1"}),
    case("a write does not", PRODUCTS, 200, bearer(), method="POST", body=3, gets={"x-cache": ABSENT}, sees={"host": HOST}),
    case("a read of orders does not", ORDERS, 200, bearer(), gets={"x-cache": ABSENT}),
    case("what could sway an answer that all get stays here", PRODUCTS, 200,
         [*bearer(), *((name, "evil.example") for name in SWAY)], sees=dict.fromkeys((*SWAY, "x-forwarded-for"), ABSENT)),
    case("nobody without a token gets what is kept", PRODUCTS, 401),
    case("a method that is none is let in nowhere", PRODUCTS, 403, bearer(), method="PURGE", details="rbac_access_denied"),
    case("nor by a key", PRODUCTS, 403, keyed("new"), method="PURGE", details="rbac_access_denied"),
    case("the cache's own path is no route", "/cache/health", 403, bearer()),
    case("nor is it one by another way", "/api/v1/products/../../../cache/health", 403, bearer()),
]  # fmt: skip

VERIFIED = f"{HOST}:8443"
CERTIFICATES = [
    # "mTLS 구현" for clients: the load balancer verifies (`client_certificates`), and the gateway believes nobody's word.
    case("a client's word about its certificate goes no further", ORDERS, 200,
         [*bearer(), *((name, "CN=admin") for name in CERTIFICATE_HEADERS)], sees=dict.fromkeys(CERTIFICATE_HEADERS, ABSENT)),
    case("nor does one about a proxy's", ORDERS, 200, [*bearer(), ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/x/sa/y")],
         sees={"x-forwarded-client-cert": ABSENT}),
    case("on the port of clients with a certificate a token opens the same", ORDERS, 200, bearer(), host=VERIFIED),
    case("and without one nothing opens there", ORDERS, 401, host=VERIFIED),
    case("an API key is one there too", ORDERS, 200, keyed("new"), host=VERIFIED, sees={"x-lab-consumer": "warehouse"}),
    case("what is too great is too great there", ORDERS, 413, bearer(), method="POST", body=1024 * 1024 + 1, host=VERIFIED),
]  # fmt: skip

CASES = [*AUTHENTICATION, *KEYS, *ROLES, *CORS, *RELEASES, *FAILURE, *SIZES, *CACHE, *CERTIFICATES]


def _admins(change: Any) -> Any:
    """In the rule of the gateway's allowance that is about the admin surface."""

    def edit(spec: Manifest) -> None:
        (rule,) = [rule for rule in spec["rules"] if "remoteIpBlocks" in rule.get("from", [{}])[0].get("source", {})]
        change(rule)

    return edited("AuthorizationPolicy", "gateway-lab-edge", edit)


def _asks_nobody(spec: Manifest) -> None:
    """As if whoever shows no key had one."""
    spec["rules"][0]["when"] = [{"key": CONDITION, "values": ["*"]}]


def _known(name: str) -> Any:
    """One more key of the warehouse's."""

    def edit(spec: Manifest) -> None:
        (keys,) = [
            one["patch"]["value"]["typed_per_filter_config"][FILTER]["filter_context"]["keys"]
            for one in spec["configPatches"]
            if one["applyTo"] == "VIRTUAL_HOST"
        ]
        keys.append({"consumer": "warehouse", "sha256": sha256(API_KEYS[name].encode()).hexdigest()})

    return edited("EnvoyFilter", "gateway-lab-api-keys", edit)


def _every_route(change: Any) -> Any:
    def edit(spec: Manifest) -> None:
        for route in spec["http"]:
            change(route)

    return edited("VirtualService", "gateway-lab-vs", edit)


def _passed_by(spec: Manifest) -> None:
    (route,) = [one for one in spec["http"] if one["name"] == "product-service-reads"]
    route["route"][0]["destination"] = {
        "host": "product-service.gateway-lab.svc.cluster.local",
        "port": {"number": 3002},
    }


MUTATIONS = [
    Mutation("no token is required", gone("AuthorizationPolicy", "gateway-lab-lab-token"),
             "user-service: without a token, one is asked for"),
    Mutation("nobody's tokens are read", gone("RequestAuthentication", "gateway-lab-tokens"),
             "a token opens the services, and tells them who calls"),
    Mutation("nobody's keys are known", gone("EnvoyFilter", "gateway-lab-api-keys"), "a name beside a token"),
    Mutation("who shows no key is taken for one who does",
             edited("AuthorizationPolicy", "gateway-lab-lab-token", _asks_nobody),
             "user-service: without a token, one is asked for"),
    Mutation("a token is required beside a key", edited("AuthorizationPolicy", "gateway-lab-lab-token",
             lambda spec: spec["rules"][0].pop("when")), "a key opens what its consumer is given, and says who calls"),
    Mutation("a key that was taken out holds still", _known("gone"), "a key that was taken out"),
    Mutation("whoever has a key may write", edited("AuthorizationPolicy", "gateway-lab-edge",
             lambda spec: [rule["to"][0]["operation"].pop("methods", None) for rule in spec["rules"] if "auditor" in str(rule)]),
             "a consumer that reads writes nothing"),
    Mutation("any role is an admin's", _admins(lambda rule: rule.pop("when")), "a user, from a listed address"),
    Mutation("an admin comes from anywhere", _admins(lambda rule: rule["from"][0]["source"].pop("remoteIpBlocks")),
             "an admin, from another address"),
    Mutation("requests may be of any size", gone("EnvoyFilter", "gateway-lab-request-size"), "a byte more"),
    Mutation("what has been seen is sent again", _every_route(lambda route: route["retries"].update(retryOn="5xx,reset")),
             "a write that fails is sent once"),
    Mutation("reads are not sent again", _every_route(lambda route: route.update(retries={"attempts": 0})),
             "a read that is refused twice is sent again"),
    Mutation("any page may read answers", _every_route(lambda route: route["corsPolicy"].update(allowOrigins=[{"exact": "*"}])),
             "another page may not"),
    Mutation("what clients say of certificates is passed on", gone("EnvoyFilter", "strip-identity-headers"),
             "a client's word about its certificate goes no further"),
    Mutation("any method is let in", edited("AuthorizationPolicy", "gateway-lab-edge", lambda spec: [
        rule["to"][0]["operation"].pop("methods", None) for rule in spec["rules"] if "requestPrincipals" in str(rule)]),
        "a method that is none is let in nowhere"),
    Mutation("reads pass the cache by", edited("VirtualService", "gateway-lab-vs", _passed_by),
             "a read of products comes by the cache"),
    Mutation("testers are shared out like everybody",
             _every_route(lambda route: [one.pop("headers", None) for one in route["match"]]),
             "a tester asks for the new release"),
    Mutation("services are called in plain text",
             edited("DestinationRule", "product-cache", lambda spec: spec["trafficPolicy"].update(tls={"mode": "DISABLE"})),
             "a named page may read the answer"),
]  # fmt: skip
