"""The made-up tenant's hosts with tokens of their own, as a table of cases and of mutations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.mesh.cases import ABSENT, Case
from tests.mesh.guestbook_cases import V1
from tests.mesh.issuer import Issuer
from tests.mesh.mutations import Mutation, edited, gone
from tests.mesh.tokens import tokens as eco2_tokens
from tests.systems.guestbook_edge import ADMIN, AUDIENCE, ISSUER, OTHER_ISSUER, PREFIX, PUBLIC, SITE

BOOKS, LETTERS, ECO2 = "books.eco2.example.com", "letters.eco2.example.com", "api.eco2.example.com"
LIST = f"{PREFIX}/list"
ISSUERS = {
    ISSUER: Issuer(ISSUER, AUDIENCE, scope="openid books:read profile"),
    OTHER_ISSUER: Issuer(OTHER_ISSUER, AUDIENCE, may="read write"),
}


def tokens() -> Mapping[str, str]:
    books, letters = ISSUERS.values()
    return {
        **{f"bad_{name}": token for name, token in books.bad().items()},
        "reader": books.token(),
        "writer": books.token(scope="books:write"),
        "nearly": books.token(scope="books:reader books"),
        "listed": books.token(scope=["books:read"]),
        "scopeless": books.token(scope=None),
        "admin": books.token(role="admin"),
        "admin_of_many": books.token(role=["staff", "admin"]),
        "of_many": books.token(aud=["another", AUDIENCE]),
        "letters": letters.token(),
        "letters_reader": letters.token(may="read"),
        "letters_as_books": letters.token(iss=ISSUER),
        "eco2": eco2_tokens()["valid"],
    }  # fmt: skip


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {{{token}}}")]


def case(name: str, target: str, status: int, headers: Sequence[tuple[str, str]] = (), **more: Any) -> Case:
    told = {"host": BOOKS, "service": V1 if status == 200 else None, "tokens": tokens}
    return Case(**{"name": name, "target": target, "status": status, "headers": headers, **told, **more})


ASKED = {"www-authenticate": "Bearer"}
FOR_OTHERS = ("for_others", "for_nobody")
"""Good tokens that are for somebody else's service: the one fault of a token that Envoy answers with 403."""
BAD = [name for name in ISSUERS[ISSUER].bad() if name not in ("nobody", "unknown", *FOR_OTHERS)]

CASES = [
    case("a reader reads", LIST, 200, bearer("reader"), sees={"x-reader": "user-1", "authorization": ABSENT}),
    case("a reader reads below", f"{LIST}/1?q=1", 200, bearer("reader"), path=f"{LIST}/1?q=1"),
    case("without a token, one is asked for", LIST, 401, gets=ASKED, details="guestbook-books-token"),
    case("also by POST", LIST, 401, method="POST", gets=ASKED),
    case("also by OPTIONS that is no preflight", LIST, 403, method="OPTIONS"),
    case("also at a path that nobody has", f"{PREFIX}/none", 401, gets=ASKED),
    case("also by another spelling of the host", LIST, 401, host=BOOKS.upper(), gets=ASKED),
    case("also with a port", LIST, 401, host=f"{BOOKS}:443", gets=ASKED),
    case("the host's spelling is no way in nor out", LIST, 200, bearer("reader"), host=f"{BOOKS.upper()}:443"),
    *(case(f"a bad token: {name}", LIST, 401, bearer(f"bad_{name}")) for name in BAD),
    *(case(f"a bad token: {name}", LIST, 403, bearer(f"bad_{name}"), details="jwt_authn") for name in FOR_OTHERS),
    case("a token of nobody", LIST, 401, bearer("bad_nobody")),
    case("a token of an issuer that nobody knows", LIST, 401, bearer("bad_unknown")),
    case("a token of the neighbour's issuer", LIST, 401, bearer("letters")),
    case("the neighbour's keys in our issuer's name", LIST, 401, bearer("letters_as_books")),
    case("our token at the neighbour's", "/letters/1", 401, bearer("reader"), host=LETTERS),
    case("the cluster's token", LIST, 401, bearer("eco2")),
    case("for us and others", LIST, 200, bearer("of_many")),
    case("without the scope", LIST, 403, bearer("scopeless"), details="rbac_access_denied_matched_policy[none]"),
    case("with scopes that only look like it", LIST, 403, bearer("nearly")),
    case("a list of scopes", LIST, 200, bearer("listed")),
    case("a reader does not write", LIST, 403, bearer("reader"), method="POST"),
    case("a writer does", LIST, 200, bearer("writer"), method="POST", body=5),
    case("a writer does not read", LIST, 403, bearer("writer")),
    case("a reader at a path that nobody has", f"{PREFIX}/none", 403, bearer("reader")),
    case("what is public needs none", PUBLIC, 200),
    case("nor does it hear who claims to call", PUBLIC, 200, [("x-reader", "root"), ("x-reader-role", "admin")],
         sees={"x-reader": ABSENT, "x-reader-role": ABSENT}),
    case("a tenant's names, where nobody sets them", "/api/v1/guests/1", 200, [*bearer("eco2"), ("x-reader", "root")],
         method="POST", body=1, host="guests.eco2.example.com", sees={"x-reader": ABSENT}),
    case("but what is below it does", f"{PUBLIC}/secret", 401, gets=ASKED),
    case("a forged name beside a token", LIST, 200, [*bearer("reader"), ("x-reader", "root"), ("x-reader-role", "admin")],
         sees={"x-reader": "user-1", "x-reader-role": ABSENT}),
    case("a bad token at what is public", PUBLIC, 401, bearer("bad_foreign")),
    case("a token in the query is none", f"{LIST}?access_token=x", 401),
    case("two tokens", LIST, 401, [*bearer("reader"), *bearer("bad_foreign")]),
    case("a dotted way out of what is public", "/books/health/../../api/v1/books/list", 401),
    case("a way out by what servers cut off", "/books/health;/../../api/v1/books/list", 401),
    case("what servers cut off makes nothing public", f"{PUBLIC};x", 401),
    case("a host with a dot at its end is none", LIST, 403, bearer("reader"), host=f"{BOOKS}."),
    case("a preflight", LIST, 200, [("origin", SITE), ("access-control-request-method", "GET")], method="OPTIONS",
         service=None, gets={"access-control-allow-origin": SITE}),
    case("a preflight of another site reaches nobody", LIST, 200,
         [("origin", "https://evil.example"), ("access-control-request-method", "GET")], method="OPTIONS", service=None,
         gets={"access-control-allow-origin": ABSENT}),
    case("an administrator from the office", f"{ADMIN}/x", 200, [*bearer("admin")], client="198.51.100.9"),
    case("one role of several", f"{ADMIN}/x", 200, bearer("admin_of_many"), client="198.51.100.9"),
    case("an administrator from elsewhere", f"{ADMIN}/x", 403, bearer("admin"), client="203.0.113.50"),
    case("from elsewhere, who says to be in the office", f"{ADMIN}/x", 403,
         [*bearer("admin"), ("x-forwarded-for", "198.51.100.9"), ("x-real-ip", "198.51.100.9")], client="203.0.113.50"),
    case("a reader in the office", f"{ADMIN}/x", 403, bearer("reader"), client="198.51.100.9"),
    case("the neighbour's own host", "/letters/1", 200, bearer("letters"), host=LETTERS,
         sees={"authorization": "Bearer {letters}"}),
    case("a word of a claim that was named", "/letters/1", 403, bearer("letters_reader"), host=LETTERS),
    case("without a token at the neighbour's", "/letters/1", 401, host=LETTERS, gets=ASKED),
    case("the cluster's own host takes its tokens", "/api/v1/my/profile", 200, bearer("eco2"), host=ECO2, service="my-api",
         sees={"x-user-id": "user-1"}),
    case("also where it has no service", "/api/v1/billing/x", 404, bearer("eco2"), host=ECO2, details="direct_response"),
    case("and none of a tenant's", "/api/v1/my/profile", 401, bearer("reader"), host=ECO2, details="ext_authz_denied"),
    case("nor does a tenant's host that asks the cluster", "/api/v1/guests/1", 401, bearer("reader"),
         host="guests.eco2.example.com", details="ext_authz_denied"),
]  # fmt: skip


MUTATIONS = [
    Mutation("no token is required", gone("AuthorizationPolicy", "guestbook-books-token"), "without a token, one is asked for"),
    Mutation(
        "a token of any issuer will do",
        edited("AuthorizationPolicy", "guestbook-books-token",
               lambda spec: spec["rules"][0]["from"][0]["source"].update(notRequestPrincipals=["*"])),
        "a token of the neighbour's issuer",
    ),
    Mutation(
        "a token is required at the host without a port",
        edited("AuthorizationPolicy", "guestbook-books-token",
               lambda spec: spec["rules"][0]["to"][0]["operation"].update(hosts=[BOOKS])),
        "also with a port",
    ),
    Mutation(
        "what is below a public path is public",
        edited("AuthorizationPolicy", "guestbook-books-token",
               lambda spec: spec["rules"][0]["to"][0]["operation"].update(notPaths=[f"{PUBLIC}*"])),
        "but what is below it does",
    ),
    Mutation("whose tokens are read is forgotten", gone("RequestAuthentication", "guestbook-tokens"), "a reader reads"),
    Mutation(
        "tokens for others are taken",
        edited("RequestAuthentication", "guestbook-tokens", lambda spec: spec["jwtRules"][0].pop("audiences")),
        "a bad token: for_others",
    ),
    Mutation(
        "the token is passed on",
        edited("RequestAuthentication", "guestbook-tokens", lambda spec: spec["jwtRules"][0].update(forwardOriginalToken=True)),
        "a reader reads",
    ),
    Mutation(
        "the scope is not looked at",
        edited("AuthorizationPolicy", "guestbook-readers", lambda spec: spec["rules"][2].pop("when")),
        "without the scope",
    ),
    Mutation(
        "the address is not looked at",
        edited("AuthorizationPolicy", "guestbook-readers",
               lambda spec: spec["rules"][4]["from"][0]["source"].pop("remoteIpBlocks")),
        "an administrator from elsewhere",
    ),
    Mutation(
        "any OPTIONS is a preflight",
        edited("AuthorizationPolicy", "guestbook-readers", lambda spec: spec["rules"][1].pop("when")),
        "also by OPTIONS that is no preflight",
    ),
    Mutation(
        "words of a claim are one",
        edited("RequestAuthentication", "guestbook-tokens", lambda spec: spec["jwtRules"][1].pop("spaceDelimitedClaims")),
        "the neighbour's own host",
    ),
    Mutation(
        "the cluster's authorizer is asked all the same",
        edited("AuthorizationPolicy", "ext-authz-policy", lambda spec: spec["rules"][0]["to"][0]["operation"].pop("notHosts")),
        "a reader reads",
    ),
    Mutation(
        "the cluster's tokens are read as a tenant's", gone("EnvoyFilter", "tenants-token-hosts"),
        "the cluster's own host takes its tokens",
    ),
    Mutation("who shows no token is forbidden", gone("EnvoyFilter", "tenants-local-replies"), "without a token, one is asked for"),
    Mutation(
        "clients say who reads", gone("RequestAuthentication", "guestbook-tokens"),
        "a tenant's names, where nobody sets them",
    ),
]  # fmt: skip
