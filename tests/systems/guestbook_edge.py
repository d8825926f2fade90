"""The made-up tenant's hosts that take its own tokens: books of one issuer, letters of another, one service behind both."""

from __future__ import annotations

from infra.components.cluster.gitops import waved
from infra.components.mesh.authorization import Allow, AllowArgs, Anyone, Bearer, Preflight
from infra.components.mesh.cors import Cors
from infra.components.mesh.filters.local_limits import Burst
from infra.components.mesh.filters.rate_limits import ByAddress, ByClaim, ByHeader, Limited, Rate
from infra.components.mesh.filters.response_headers import SecurityHeaders
from infra.components.mesh.objects import Place
from infra.components.mesh.routes import Route, Routes, RoutesArgs, Share
from infra.components.mesh.tokens import Tokens
from infra.contract import Cluster
from infra.edge import Answers, BurstLimit, Limit, OwnTokens

BOOKS, LETTERS = "books", "letters"
LABELS = (BOOKS, LETTERS)
ISSUER, OTHER_ISSUER = "https://login.example.org/", "https://post.example.org"
AUDIENCE = "guestbook"
PREFIX, PUBLIC, ADMIN = "/api/v1/books", "/books/health", "/api/v1/books/admin"
SITE = "https://books.example.org"
COUNTED, OPEN_COUNTED = f"{PREFIX}/counted", "/books/counted"
OFFICE = "198.51.100.0/24"

OWN_TOKENS = (
    OwnTokens(
        hosts=[BOOKS],
        tokens=Tokens(
            issuer=ISSUER,
            audiences=[AUDIENCE],
            jwks_uri=f"{ISSUER}keys",
            forwarded={"x-reader": "sub", "x-reader-role": "role"},
        ),
        public=[PUBLIC, OPEN_COUNTED],
        preflights=True,
    ),
    OwnTokens(
        hosts=[LETTERS],
        tokens=Tokens(
            issuer=OTHER_ISSUER, audiences=[AUDIENCE], jwks_uri=f"{OTHER_ISSUER}/keys", spaced=["may"], passed_on=True
        ),
    ),
)


LIMITS = (
    Limit(
        host=BOOKS,
        limited=Limited(
            name="per-reader",
            per=ByClaim(claim="sub"),
            rates=[Rate(number=1000, unit="hour"), Rate(number=3, unit="month")],
            paths=[f"{COUNTED}/reader"],
            methods=["GET"],
        ),
    ),
    Limit(
        host=BOOKS,
        limited=Limited(
            name="per-name",
            per=ByHeader(header="x-reader"),
            rates=[Rate(number=3, unit="month")],
            paths=[f"{COUNTED}/name"],
        ),
    ),
    Limit(host=LETTERS, limited=Limited(name="letters", per=ByClaim(), rates=[Rate(number=500, unit="day")])),
    Limit(
        host=BOOKS,
        limited=Limited(
            name="per-address", per=ByAddress(), rates=[Rate(number=3, unit="month")], paths=[OPEN_COUNTED]
        ),
        without_limiter="let pass",
    ),
)
BURSTS = (BurstLimit(host=BOOKS, burst=Burst(per_second=1, burst=20)),)
ANSWERS = (Answers(hosts=[BOOKS], headers=SecurityHeaders(more={"x-shelf": "1"}), json_errors=True),)


def build(cluster: Cluster, service: Share, port: int) -> None:
    """Routes, and what a token's claims open."""
    for label, routes in {
        BOOKS: [_route(PREFIX, service, port), _route("/books", service, port)],
        LETTERS: [_route("/letters", service, port)],
    }.items():
        Routes(
            f"guestbook-{label}-routes",
            RoutesArgs(
                place=Place(name=f"{label}-vs", namespace="guestbook", annotations=waved(cluster.mesh.routes_wave)),
                hosts=[cluster.host(label)],
                gateways=[cluster.gateway.reference],
                routes=routes,
            ),
            cluster.platform.objects,
        )
    Allow(
        f"{cluster.platform.edge_name}-readers",
        AllowArgs(
            place=Place(
                name="guestbook-readers",
                namespace=cluster.gateway.namespace,
                annotations=waved(cluster.mesh.rules_wave),
            ),
            workload=cluster.gateway.labels,
            callers=_callers(cluster.host(BOOKS), cluster.host(LETTERS)),
        ),
        cluster.platform.edge_objects,
    )


def _route(prefix: str, service: Share, port: int) -> Route:
    return Route(
        prefix=prefix,
        host=str(service.host),
        port=port,
        subset=service.subset,
        timeout="3s",
        cors=Cors(origins=[SITE], methods=["GET", "POST"], headers=["authorization"]),
    )


def _callers(books: str, letters: str) -> list[Anyone | Bearer | Preflight]:
    tree = [PREFIX, f"{PREFIX}/*"]
    return [
        Anyone(paths=[PUBLIC, OPEN_COUNTED], hosts=[books]),
        Preflight(paths=tree, hosts=[books]),
        Bearer(issuer=ISSUER, paths=[f"{PREFIX}/list", f"{PREFIX}/list/*"], hosts=[books], methods=["GET"],
               claims={"scope": ["books:read"]}),
        Bearer(issuer=ISSUER, paths=[f"{PREFIX}/list"], hosts=[books], methods=["POST"], claims={"scope": ["books:write"]}),
        Bearer(issuer=ISSUER, paths=[f"{ADMIN}/*"], hosts=[books], claims={"role": ["admin"]}, addresses=[OFFICE]),
        Bearer(issuer=ISSUER, paths=[f"{COUNTED}/*", "/nowhere"], hosts=[books]),
        Bearer(issuer=OTHER_ISSUER, paths=["/letters/*"], hosts=[letters], claims={"may": ["write"]}),
    ]  # fmt: skip
