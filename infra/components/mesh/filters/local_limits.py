"""Envoy's local rate limit: a bucket for each client's address in the gateway's own memory, before anything else is done."""

from __future__ import annotations

from dataclasses import dataclass

from infra.components.mesh.filters.placing import TYPES, first, for_host
from infra.components.mesh.objects import Spec

LOCAL_LIMIT = "envoy.filters.http.local_ratelimit"
_CONFIG = f"{TYPES}.filters.http.local_ratelimit.v3.LocalRateLimit"
ADDRESS = "masked_remote_address"
ADDRESSES = 10_000
"""How many addresses have a bucket at a time; the one that came longest ago makes room."""


@dataclass(frozen=True, kw_only=True)
class Burst:
    """An address may send `burst` requests at once, and `per_second` on the whole, to each of the gateway's pods."""

    per_second: int
    burst: int

    def __post_init__(self) -> None:
        if not 1 <= self.per_second <= self.burst:
            raise ValueError(
                f"a burst of {self.burst} is not at least the {self.per_second} of each second, or those are none"
            )


def counts_locally() -> Spec:
    """The filter; by itself it lets everything pass."""
    return first(LOCAL_LIMIT, {"@type": _CONFIG, "stat_prefix": "tenants"})


def burst_limit(host: str, port: int, burst: Burst) -> Spec:
    """The bucket of each address on a host: no token, no login and no limiter has to be asked about what exceeds it."""
    bucket = {"max_tokens": burst.burst, "tokens_per_fill": burst.per_second, "fill_interval": "1s"}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    config = {
        "@type": _CONFIG,
        "stat_prefix": "tenants",
        # For all together there is none: one client could empty it for the others.
        "token_bucket": {"max_tokens": 4294967295, "tokens_per_fill": 4294967295, "fill_interval": "1s"},
        "filter_enabled": {"runtime_key": "tenants.burst_enabled", **always},
        "filter_enforced": {"runtime_key": "tenants.burst_enforced", **always},
        "rate_limits": [{"actions": [{ADDRESS: {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}]}],
        # Without a value: a bucket for each that comes.
        "descriptors": [{"entries": [{"key": ADDRESS}], "token_bucket": bucket}],
        "max_dynamic_descriptors": ADDRESSES,
        "response_headers_to_add": [{"header": {"key": "retry-after", "value": "1"}}],
        "always_consume_default_token_bucket": False,
    }
    return for_host(host, port, {"typed_per_filter_config": {LOCAL_LIMIT: config}})
