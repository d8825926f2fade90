"""What stands at the gateway before the lab's services: tokens, roles, addresses, limits, compression, the size of requests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.components.mesh.authorization import Allow, AllowArgs, Anyone, Bearer, KeyHolder, Preflight
from infra.components.mesh.filters.api_keys import KeyDigest, api_keys
from infra.components.mesh.filters.compression import compressed
from infra.components.mesh.filters.placing import GatewayFilter, GatewayFilterArgs
from infra.components.mesh.filters.rate_limits import ByAddress, ByApiKey, ByClaim, Limited, Rate
from infra.components.mesh.filters.request_size import limited_requests
from infra.components.mesh.objects import Spec
from infra.components.mesh.tokens import Tokens
from infra.edge import Answers, ClientCertificates, Limit, OwnTokens
from infra.settings.gateway_lab import GatewayLab
from infra.systems.gateway_lab.context import Context
from infra.systems.gateway_lab.document import ADMIN, LOGIN, SERVICES, VERIFY
from infra.systems.gateway_lab.mesh import READS, below
from infra.systems.gateway_lab.secrets import ApiKeyDrawn

FORWARDED = {"x-lab-user-id": "userId", "x-lab-user-name": "username", "x-lab-user-role": "role"}
"""What services are told of who calls: the claims of Step 1-1. The token itself goes no further than the gateway.

The gateway takes these headers off the requests of every host: no other system's may have such a name.
"""


METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""What may be asked at all: no method that means something to a cache, or to nobody."""


def own_tokens(own: GatewayLab) -> OwnTokens:
    """The auth service's tokens, by the public keys in the settings (Step 1-2); one has to be asked for without one."""
    keys = [
        {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": modulus, "e": "AQAB"}
        for kid, modulus in own.tokens.keys.items()
    ]
    return OwnTokens(
        hosts=[own.label],
        tokens=Tokens(
            issuer=own.tokens.issuer,
            audiences=[own.tokens.audience],
            jwks=json.dumps({"keys": keys}, sort_keys=True),
            forwarded=FORWARDED,
        ),
        public=[LOGIN],
        preflights=True,
        api_keys=bool(own.api_keys),
    )


def limits(own: GatewayLab) -> list[Limit]:
    """Step 3-2, for each user whom a token names, and each consumer whom an API key names; and what an address may try at the
    login, where there is no token yet."""
    rates = (Rate(number=own.limits.per_minute, unit="minute"), Rate(number=own.limits.per_hour, unit="hour"))
    return [
        Limit(host=own.label, limited=Limited(name="consumer", per=ByClaim(), rates=rates)),
        *(
            [Limit(host=own.label, limited=Limited(name="key-holder", per=ByApiKey(), rates=rates))]
            if own.api_keys
            else []
        ),
        Limit(
            host=own.label,
            limited=Limited(
                name="login",
                per=ByAddress(),
                rates=[Rate(number=own.limits.logins_per_minute, unit="minute")],
                paths=[LOGIN],
            ),
        ),
    ]


def client_certificates(own: GatewayLab) -> list[ClientCertificates]:
    """ "mTLS 구현" for clients, where the settings ask for it: a certificate opens the connection, a token or a key the service."""
    clients = own.client_certificates
    return [ClientCertificates(host=own.label, authorities=clients.authorities, port=clients.port)] if clients else []


def answers(own: GatewayLab) -> list[Answers]:
    """Security headers on every answer, and the gateway's own as JSON: `Service Unavailable` above all (Step 4-1)."""
    return [Answers(hosts=[own.label], json_errors=True)]


def build_edge(context: Context, keys: Sequence[ApiKeyDrawn]) -> None:
    """Register who may come in where, and the filters of the lab's host."""
    _allowed(context)
    _filters(context, keys)


def open_paths() -> list[str]:
    """What a token of any role opens: all but logging in, which needs none, and the admin surface."""
    prefixes = [prefix for service in SERVICES for prefix in service.paths if prefix != ADMIN]
    return [path for prefix in prefixes for path in ((VERIFY,) if LOGIN.startswith(prefix) else below(prefix))]


def _allowed(context: Context) -> None:
    gateway, platform = context.cluster.gateway, context.cluster.platform
    issuer, hosts = context.settings.tokens.issuer, [context.host]
    everything = [path for service in SERVICES for prefix in service.paths for path in below(prefix)]
    Allow(
        f"{platform.edge_name}-edge",
        AllowArgs(
            place=context.place("gateway-lab-edge", context.cluster.mesh.rules_wave, gateway.namespace),
            workload=gateway.labels,
            callers=[
                Anyone(paths=[LOGIN], hosts=hosts, methods=["POST"]),
                Preflight(paths=everything, hosts=hosts),
                Bearer(issuer=issuer, paths=open_paths(), hosts=hosts, methods=METHODS),
                Bearer(
                    issuer=issuer,
                    paths=below(ADMIN),
                    hosts=hosts,
                    methods=METHODS,
                    claims={"role": ["admin"]},
                    addresses=context.settings.admin.addresses,
                ),
                *_key_holders(context),
            ],
        ),
        platform.edge_objects,
    )


def _key_holders(context: Context) -> Iterator[KeyHolder]:
    """What each consumer's keys open ("API 키 관리"): the services of the settings, to read unless it may write."""
    for consumer, own in context.settings.api_keys.items():
        prefixes = [prefix for one in SERVICES if one.name in own.services for prefix in one.paths if prefix != ADMIN]
        yield KeyHolder(
            consumer=consumer,
            paths=[path for prefix in prefixes for path in below(prefix)],
            hosts=[context.host],
            methods=METHODS if own.writes else READS,
        )


KEYS_SCRIPT = Path(__file__).parents[3] / "deploy/gateway_lab/lua/api_keys.lua"
AFTER_COOKIES = -5
"""Of filters that are put first, a lower priority is further back: the cluster's own, by which a cookie becomes a token, has 0."""

BEFORE_LIMITS = -20
"""Of filters that are put before the router, the lowest priority is the furthest from it: the cluster's limits have -10."""

AFTER_LIMITS = 1


def _filters(context: Context, keys: Sequence[ApiKeyDrawn]) -> None:
    gateway, platform = context.cluster.gateway, context.cluster.platform
    # Before a filter that asks somebody: what has come in meanwhile would reach this one at once, however much it is.
    most = context.settings.limits.request_kib * 1024
    filters: dict[str, tuple[list[Spec], int]] = {
        "compression": (compressed(context.host, gateway.port), AFTER_LIMITS),
        "request-size": (limited_requests(context.host, gateway.port, most), BEFORE_LIMITS),
    }
    if keys:
        script = KEYS_SCRIPT.read_text(encoding="utf-8")
        digests = [KeyDigest(consumer=one.consumer, sha256=one.digest) for one in keys]
        filters["api-keys"] = (api_keys(context.host, gateway.port, script, digests), AFTER_COOKIES)
    for name, (patches, priority) in filters.items():
        GatewayFilter(
            f"{platform.edge_name}-{name}",
            GatewayFilterArgs(
                place=context.place(f"gateway-lab-{name}", context.cluster.mesh.rules_wave, gateway.namespace),
                workload=gateway.labels,
                patches=patches,
                priority=priority,
            ),
            platform.edge_objects,
        )
