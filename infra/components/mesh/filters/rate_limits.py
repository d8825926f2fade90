"""Envoy's rate-limit filter, which asks one service for all gateways, and that service's rules.

A limit becomes descriptors `limit=<name>-<unit>`, one for each of its rates, each with what is counted: Envoy sends all in one
question, and the smallest remainder is what `x-ratelimit-*` tell (draft-polli-ratelimit-headers-03).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.components.mesh.filters.api_keys import API_KEYS, CONSUMER
from infra.components.mesh.filters.own_tokens import JWT_AUTHN
from infra.components.mesh.filters.placing import TYPES, before_router, for_host
from infra.components.mesh.objects import Spec

NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
LIMIT = "limit"
TIMEOUT = "0.25s"
Unit = Literal["second", "minute", "hour", "day", "month", "year"]


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many requests in each second, minute, hour … of the calendar (UTC): the window does not slide."""

    number: int
    unit: Unit


@dataclass(frozen=True, kw_only=True)
class ByClaim:
    """Counted for each value of a claim of the request's token, `sub` for the user; without a token nothing is counted."""

    claim: str = "sub"


@dataclass(frozen=True, kw_only=True)
class ByApiKey:
    """Counted for each consumer whom an API key names (`api_keys`), whichever of its keys it uses; without a key, not at all."""


@dataclass(frozen=True, kw_only=True)
class ByAddress:
    """Counted for each client's address, an IPv6 one for its /64: whoever has one address there has all."""


@dataclass(frozen=True, kw_only=True)
class ByHeader:
    """Counted for each value of a header that only the mesh sets, such as an authorizer's name of a client; without it, not at all.

    Not for a secret: counters have the value in their names.
    """

    header: str


Counted = ByClaim | ByApiKey | ByAddress | ByHeader


@dataclass(frozen=True, kw_only=True)
class Limited:
    """Requests of `methods` for a path of `paths` or below it, all where none are given; every rate holds by itself."""

    name: str
    per: Counted
    rates: Sequence[Rate]
    paths: Sequence[str] = ()
    methods: Sequence[str] = ()

    def __post_init__(self) -> None:
        """`ValueError` for what would count nothing, or otherwise than it looks."""
        units = [rate.unit for rate in self.rates]
        if not NAME.fullmatch(self.name):
            raise ValueError(f"the limit's name '{self.name}' is not like login-attempts")
        if not units or len(set(units)) < len(units) or any(rate.number < 1 for rate in self.rates):
            raise ValueError(f"limit {self.name}: rates of at least 1, one for each unit")
        for path in self.paths:
            if not path.startswith("/") or path.endswith("/") or "*" in path:
                raise ValueError(f"limit {self.name}: the path '{path}' is not like /api/v1/orders")


def asks_the_limiter(name: str, service: str, port: int, *, fail_closed: bool) -> Spec:
    """The filter, after all that judge a request; `name` is by which hosts say what is counted (`limited_host`).

    Without an answer in time a request goes on, or, `fail_closed`, is answered 503.
    """
    config = {
        "@type": f"{TYPES}.filters.http.ratelimit.v3.RateLimit",
        # No rule has it: hosts name their own.
        "domain": "none",
        "timeout": TIMEOUT,
        "failure_mode_deny": fail_closed,
        "status_on_error": {"code": "ServiceUnavailable"},
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "disable_x_envoy_ratelimited_header": True,
        "rate_limit_service": {
            "grpc_service": {
                "envoy_grpc": {"cluster_name": f"outbound|{port}||{service}", "authority": service},
            },
            "transport_api_version": "V3",
        },
    }
    return before_router(name, config)


def limited_host(name: str, host: str, port: int, *, domain: str, limits: Sequence[Limited]) -> Spec:
    """What is counted on a host, under the rules of `domain`."""
    per_route = {
        "@type": f"{TYPES}.filters.http.ratelimit.v3.RateLimitPerRoute",
        "domain": domain,
        "rate_limits": [
            {"actions": [_which(limit, rate), _counted(limit.per)]} for limit in limits for rate in limit.rates
        ],
    }
    return for_host(host, port, {"typed_per_filter_config": {name: per_route}})


def rules(domain: str, limits: Sequence[Limited]) -> Spec:
    """The service's own configuration for a domain."""
    return {
        "domain": domain,
        "descriptors": [
            {
                "key": LIMIT,
                "value": f"{limit.name}-{rate.unit}",
                "descriptors": [
                    {"key": _key(limit.per), "rate_limit": {"unit": rate.unit, "requests_per_unit": rate.number}}
                ],
            }
            for limit in limits
            for rate in limit.rates
        ],
    }


def _which(limit: Limited, rate: Rate) -> Spec:
    value = f"{limit.name}-{rate.unit}"
    if not limit.paths and not limit.methods:
        return {"generic_key": {"descriptor_key": LIMIT, "descriptor_value": value}}
    return {"header_value_match": {"descriptor_key": LIMIT, "descriptor_value": value, "headers": [*_matches(limit)]}}


def _matches(limit: Limited) -> list[Spec]:
    found: list[Spec] = []
    if limit.paths:
        paths = "|".join(re.escape(path) for path in limit.paths)
        # A semicolon too: some servers cut what follows it off, and serve the path before it.
        found.append(_matching(":path", rf"(?:{paths})(?:[/?;].*)?"))
    if limit.methods:
        found.append(_matching(":method", "|".join(limit.methods)))
    return found


def _matching(name: str, regex: str) -> Spec:
    return {"name": name, "string_match": {"safe_regex": {"regex": regex}}}


def _key(per: Counted) -> str:
    if isinstance(per, ByClaim):
        return "claim"
    if isinstance(per, ByApiKey):
        return CONSUMER
    # Envoy names this one itself.
    return "masked_remote_address" if isinstance(per, ByAddress) else "header"


def _counted(per: Counted) -> Mapping[str, Spec]:
    if isinstance(per, ByAddress):
        return {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}
    if isinstance(per, ByHeader):
        return {"request_headers": {"header_name": per.header.lower(), "descriptor_key": _key(per)}}
    path = [CONSUMER] if isinstance(per, ByApiKey) else ["payload", per.claim]
    where = {"key": API_KEYS if isinstance(per, ByApiKey) else JWT_AUTHN, "path": [{"key": key} for key in path]}
    return {"metadata": {"descriptor_key": _key(per), "metadata_key": where}}
