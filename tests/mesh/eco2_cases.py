"""eco2's edge as a table: one line per case. To add one, add a line.

The document's facts that each group stands for are named above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infra.systems.eco2.document import BYPASSED, SERVICES
from tests.mesh.cases import ABSENT, Case

HOST = "api.eco2.example.com"
"""`edge.api_label` and `domain` of Pulumi.prod.yaml."""

BEARER = [("authorization", "Bearer {valid}")]
COOKIE = [("cookie", "s_access={valid}")]
USER = {"x-user-id": "user-1", "x-auth-provider": "kakao"}
NOBODY: Mapping[str, str | None] = {
    "x-user-id": ABSENT, "x-auth-provider": ABSENT, "x_user_id": ABSENT, "x_auth_provider": ABSENT,
}  # fmt: skip
FORGED = [("x-user-id", "root"), ("X-User-ID", "admin"), ("x-auth-provider", "google")]
MY = "/api/v1/my/profile"


def case(name: str, target: str, status: int, headers: Sequence[tuple[str, str]] = (), **more: Any) -> Case:
    return Case(**{"name": name, "target": target, "status": status, "headers": headers, "host": HOST, **more})


def passes(name: str, target: str, headers: Sequence[tuple[str, str]] = BEARER, **more: Any) -> Case:
    """A request that reaches the service of its path."""
    return case(name, target, 200, headers, service=f"{target.split('/')[3].split('?', maxsplit=1)[0]}-api", **more)


def with_token(name: str, token: str, status: int = 401, **more: Any) -> Case:
    return case(name, MY, status, [("authorization", f"Bearer {{{token}}}")], **more)


ROUTES = [
    # VirtualService {domain}-vs: path-based routing to the seven APIs.
    *(passes(f"{one}: what is below its prefix", f"/api/v1/{one}/x/y?q=1", path=f"/api/v1/{one}/x/y?q=1") for one in SERVICES),
    *(passes(f"{one}: its prefix itself", f"/api/v1/{one}") for one in SERVICES),
    *(case(f"{one}: no other service's longer name", f"/api/v1/{one}er/x", 404, BEARER) for one in SERVICES),
    *(passes(f"{one} by POST", f"/api/v1/{one}/x", method="POST", body=10) for one in SERVICES),
    case("a service that is none", "/api/v1/billing/x", 404, BEARER, details="route_not_found"),
    case("a path outside /api/v1", "/", 403, BEARER, details="rbac_access_denied"),
    case("another version", "/api/v2/my/x", 403, BEARER, details="rbac_access_denied"),
    case("the gateway's own pages", "/stats/prometheus", 403, BEARER),
    case("another host", MY, 403, BEARER, host="other.example.com", details="rbac_access_denied"),
    case("another host, on a documented path", "/api/v1/scan/docs", 403, host="other.example.com"),
    case("the name of a Service as the host", MY, 403, BEARER, host="my-api.my.svc.cluster.local"),
    passes("the host with a port", MY, host=f"{HOST}:443"),
    passes("5 MB", "/api/v1/image/upload", method="POST", body=5_000_000),
    passes("that it came by TLS", MY, [*BEARER, ("x-forwarded-proto", "https")], sees={"x-forwarded-proto": "https"}),
    passes("a client's own X-Forwarded-For is not believed", MY,
           [*BEARER, ("x-forwarded-for", "10.0.0.1"), ("x-envoy-external-address", "10.0.0.1")],
           sees={"x-envoy-external-address": "{client}"}),
    case("a POST whose answer is lost is not repeated", MY, 503, BEARER, method="POST", attempts=1),
    case("nor is a GET", MY, 503, BEARER, attempts=1),
]  # fmt: skip

COOKIES = [
    # EnvoyFilter cookie-to-header: s_access → Authorization.
    passes("the cookie becomes the header", MY, COOKIE, sees={**USER, "authorization": "Bearer {valid}"}),
    passes("among other cookies", MY, [("cookie", "a=1; s_access={valid}; b=2")], sees=USER),
    passes("a header is not overridden by the cookie", MY, [*BEARER, ("cookie", "s_access={other}")],
           sees={**USER, "authorization": "Bearer {valid}"}),
    case("not even a bad header", MY, 401, [("authorization", "Bearer x"), *COOKIE], details="ext_authz_denied"),
    case("nor an empty one", MY, 401, [("authorization", ""), *COOKIE]),
    case("two cookies of the name", MY, 401, [("cookie", "s_access={valid}; s_access={other}")]),
    case("a cookie of another name", MY, 401, [("cookie", "xs_access={valid}")]),
    case("an expired token in the cookie", MY, 401, [("cookie", "s_access={expired}")]),
    passes("on a bypass path the cookie is harmless", "/api/v1/auth/refresh", COOKIE, sees=NOBODY),
]  # fmt: skip

TOKENS = [
    # ext-authz: JWT (HS256), blacklist in Redis.
    passes("a valid token", MY, sees=USER),
    passes("another user's token", MY, [("authorization", "Bearer {other}")],
           sees={"x-user-id": "user-2", "x-auth-provider": "naver"}),
    passes("for us and others", MY, [("authorization", "Bearer {for_several}")], sees=USER),
    case("no token", MY, 401, details="ext_authz_denied"),
    case("no token, by POST", MY, 401, method="POST"),
    case("no token, by OPTIONS", MY, 401, method="OPTIONS"),
    case("no token, by HEAD", MY, 401, method="HEAD"),
    case("no token, a method of one's own", MY, 401, method="PROPFIND"),
    with_token("expired", "expired", details="ext_authz_denied"),
    with_token("not valid yet", "not_yet"),
    with_token("without an end", "forever"),
    with_token("without a subject", "nobody"),
    with_token("a refresh token", "refresh"),
    with_token("without a type", "untyped"),
    with_token("without an issuer", "unissued"),
    with_token("of another issuer", "issued_elsewhere"),
    with_token("for no audience", "for_nobody"),
    with_token("for another audience", "for_others"),
    with_token("signed with another secret", "foreign"),
    with_token("alg none", "none"),
    with_token("alg NONE", "none_shouted"),
    with_token("without its signature", "stripped"),
    with_token("HS512", "hs512"),
    with_token("RS256", "rs256"),
    with_token("RS256's public key as HS256's secret", "confused"),
    with_token("changed claims", "tampered"),
    with_token("a header in the subject", "injected"),
    with_token("on the blacklist", "revoked", details="ext_authz_denied"),
    case("two tokens", MY, 401, [*BEARER, ("authorization", "Bearer {other}")]),
    case("Basic", MY, 401, [("authorization", "Basic dXNlcjpwYXNz")]),
    case("a refresh token's header alone", MY, 401, [("x-refresh-token", "{valid}")]),
    case("a token in the query", f"{MY}?access_token=x", 401),
    case("a header beyond Envoy's limit", MY, 431, [("authorization", "Bearer " + "a" * 70_000)]),
]  # fmt: skip

IDENTITY = [
    # x-user-id and x-auth-provider are ext-authz's alone.
    passes("forged beside a token", MY, [*BEARER, *FORGED], sees={**NOBODY, **USER}),
    passes("forged beside a cookie", MY, [*FORGED, *COOKIE], sees={**NOBODY, **USER}),
    passes("forged on a bypass path", "/api/v1/auth/kakao", FORGED, sees=NOBODY),
    passes("forged on a bypass path, by POST", "/api/v1/auth/refresh", FORGED, method="POST", sees=NOBODY),
    case("forged without a token", MY, 401, FORGED),
    # Some servers (WSGI, CGI) read it as x-user-id; Envoy itself answers, before any filter.
    case("forged with underscores", MY, 400, [*BEARER, ("x_user_id", "root")]),
    case("forged with underscores on a bypass path", "/api/v1/auth/kakao", 400, [("X_Auth_Provider", "google")]),
    case("any name with an underscore", MY, 400, [*BEARER, ("x_request_id", "1")]),
    passes("named in Connection, which drops headers on the way", MY, [*BEARER, ("connection", "x-user-id, close")], sees=USER),
]  # fmt: skip

BYPASS = [
    # "우회 경로 (notPaths)": every one of them, without a check.
    *(passes(f"{path} is not asked about", path, [], sees=NOBODY, path=path) for path in BYPASSED),
    *(passes(f"{path} by POST", path, [], method="POST") for path in BYPASSED if path.startswith("/api/v1/auth/")),
    passes("a callback's query", "/api/v1/auth/kakao/callback?code=a%2Fb&state=/../x", []),
    passes("nor while ext-authz is down", "/api/v1/scan/health", [], given="check down"),
    passes("nor while Redis is down", "/api/v1/auth/refresh", [], given="redis down"),
    case("what only begins like a bypass path", "/api/v1/scan/docs-internal", 401),
    case("what is below a bypass path", "/api/v1/scan/docs/secret", 401),
    case("what only ends like one", "/api/v1/my/secret/docs", 401),
    case("docs in another place", "/api/v1/docs", 404),
    case("a provider that is none", "/api/v1/auth/github", 401),
    case("a slash that came encoded", "/api/v1/scan/docs%2f..%2fhistory", 401),
    case("a doubled slash", "/api/v1//my/profile", 401),
    case("a dotted way out of a bypass path", "/api/v1/scan/docs/../history", 401),
    case("an encoded dotted way", "/api/v1/scan/docs/%2e%2e/history", 401),
]  # fmt: skip

DENIED = [
    # ext-authz settings: timeout 0.25 s, failOpen false.
    case("ext-authz slower than 0.25 s", MY, 403, BEARER, given="check slow", within=0.39, details="ext_authz_error"),
    case("ext-authz silent", MY, 403, BEARER, given="check silent", within=0.39, details="ext_authz_error"),
    case("ext-authz down", MY, 403, BEARER, given="check down", details="ext_authz_error"),
    case("Redis down", MY, 503, BEARER, given="redis down", details="ext_authz_denied"),
    case("Redis silent", MY, 503, BEARER, given="redis silent", within=0.39, details="ext_authz_denied"),
    case("a bad token while Redis is down", MY, 401, given="redis down"),
    passes("all well again", MY, sees=USER),
]  # fmt: skip

WEBSOCKETS = [
    case("a WebSocket through chat", "/api/v1/chat/ws", 101, COOKIE, websocket=True),
    case("a WebSocket without a token", "/api/v1/chat/ws", 401, websocket=True),
    case("a WebSocket on a bypass path reaches its service", "/api/v1/chat/health", 101, websocket=True),
]

PATHS = [
    # One path for policies, routes and services, however the client writes it.
    case("dots are resolved before the route", "/api/v1/scan/../my/profile", 200, BEARER, service="my-api", path=MY),
    case("also encoded ones", "/api/v1/scan/%2e%2e/my/profile", 200, BEARER, service="my-api", path=MY),
    case("encoded slashes are slashes", "/api/v1%2fmy%2Fprofile", 200, BEARER, service="my-api", path=MY),
    case("backslashes are slashes", "/api/v1\\my%5cprofile", 200, BEARER, service="my-api", path=MY),
    case("doubled slashes are one", "/api/v1//my///profile", 200, BEARER, service="my-api", path=MY),
    case("a bypass path written otherwise", "/api/v1/scan//%64ocs", 200, service="scan-api", path="/api/v1/scan/docs"),
    case("encoded twice stays encoded", "/api/v1/my%252fprofile", 404, BEARER),
    case("a path that climbs out", "/api/v1/../../etc/passwd", 403, BEARER),
    case("a NUL", "/api/v1/my/%00", 400, BEARER),
]  # fmt: skip

CASES = [*ROUTES, *PATHS, *COOKIES, *TOKENS, *IDENTITY, *BYPASS, *DENIED, *WEBSOCKETS]
