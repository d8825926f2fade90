"""Headers of every answer of a host, those of the gateway's own refusals too, and what no answer says of what made it.

The filter is the first of all, so that it is the last to see an answer, whoever gave it. What Envoy refuses before it knows a host
(a request that is none, a header's name with an underscore) has none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.components.mesh.filters.placing import TYPES, connection_manager, first, for_host
from infra.components.mesh.objects import Spec

HEADER_MUTATION = "envoy.filters.http.header_mutation"
TELLTALE = (
    "server",
    "x-powered-by",
    "x-envoy-upstream-service-time",
    "x-envoy-attempt-count",
    "x-envoy-overloaded",
    "x-envoy-ratelimited",
    "x-envoy-decorator-operation",
    "x-envoy-degraded",
    "x-envoy-immediate-health-check-fail",
)
"""What tells of the programs behind a host."""

HIDDEN_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For what is no page at all: an API's answer loads nothing and is framed by nobody."""

FEATURES = ("accelerometer", "camera", "geolocation", "gyroscope", "magnetometer", "microphone", "payment", "usb")
LOOSE = frozenset({"*", "'unsafe-inline'", "'unsafe-eval'", "data:", "http:", "https:"})
"""Sources of scripts with which a policy stops none that was smuggled in."""

YEAR = 31_536_000


@dataclass(frozen=True, kw_only=True)
class SecurityHeaders:
    """Defaults are for an API; a host with pages says what those load in `content_security_policy`.

    HSTS is for two years, subdomains and preloading included (hstspreload.org wants a year at least). `more` are other headers of
    every answer.
    """

    content_security_policy: str = HIDDEN_POLICY
    referrer_policy: str = "no-referrer"
    permissions_policy: str = ", ".join(f"{feature}=()" for feature in FEATURES)
    frame_options: str = "DENY"
    hsts_seconds: int = 2 * YEAR
    more: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.hsts_seconds < YEAR:
            raise ValueError(f"HSTS of {self.hsts_seconds} s is not preloaded: at least {YEAR}, a year")
        if loose := sorted({*self._scripts()} & LOOSE):
            said = ", ".join(loose)
            raise ValueError(f"a content security policy whose scripts may be {said} is none: name hosts, or hashes")

    def _scripts(self) -> list[str]:
        """Where scripts may come from: the directive of its own, or else the default, or else anywhere."""
        parts = [directive.split() for directive in self.content_security_policy.split(";") if directive.strip()]
        allowed = {name.lower(): sources for name, *sources in parts}
        return allowed.get("script-src", allowed.get("default-src", ["*"]))

    @property
    def headers(self) -> dict[str, str]:
        """By name, as the client gets them."""
        return {
            "strict-transport-security": f"max-age={self.hsts_seconds}; includeSubDomains; preload",
            "content-security-policy": self.content_security_policy,
            "referrer-policy": self.referrer_policy,
            "permissions-policy": self.permissions_policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": self.frame_options,
            **{name.lower(): value for name, value in self.more.items()},
        }


def hidden_programs() -> list[Spec]:
    """No answer of any host names what made it; and the filter by which hosts say more (`headers_of_host`)."""
    config = {
        "@type": f"{TYPES}.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": {"response_mutations": [{"remove": name} for name in TELLTALE]},
    }
    # Else the connection manager itself would write `server` after all filters.
    return [first(HEADER_MUTATION, config), connection_manager({"server_header_transformation": "PASS_THROUGH"})]


def headers_of_host(host: str, port: int, headers: SecurityHeaders) -> Spec:
    """These headers, whatever the upstream says of them."""
    mutations = [
        {"append": {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
        for name, value in headers.headers.items()
    ]
    per_route = {
        "@type": f"{TYPES}.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        "mutations": {"response_mutations": mutations},
    }
    return for_host(host, port, {"typed_per_filter_config": {HEADER_MUTATION: per_route}})
