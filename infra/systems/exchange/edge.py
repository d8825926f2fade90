"""What the front door asks for at the gateway that all share (docs/adr/0026): tokens, limits, bursts, headers of answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.components.mesh.filters.local_limits import Burst
from infra.components.mesh.filters.rate_limits import ByAddress, ByClaim, Limited, Rate
from infra.components.mesh.tokens import Tokens
from infra.edge import Answers, BurstLimit, Limit, OwnTokens
from infra.settings.exchange import Exchange
from infra.systems.exchange.context import route
from infra.systems.exchange.document import EDGE_HEALTH, SERVICES

USER_HEADER, SCOPE_HEADER = "x-exchange-user", "x-exchange-scope"
"""What the services hear of a token: its `sub` and its `scope`. What a client sends under these names is taken off."""


def at_the_gateway(settings: Exchange) -> dict[str, Any]:
    """The fields of `AtTheGateway`: of its host, and of the name by which Route 53 looks at the way in."""
    host, checked = settings.host_label, settings.failover.checked_label
    return {
        "hosts": [host, checked],
        # It moves to the standby.
        "own_records": [host],
        "own_tokens": [
            OwnTokens(
                hosts=[host, checked],
                public=[EDGE_HEALTH],
                tokens=Tokens(
                    issuer=settings.tokens.issuer,
                    audiences=settings.tokens.audiences,
                    jwks_uri=settings.tokens.jwks_uri,
                    forwarded={USER_HEADER: "sub", SCOPE_HEADER: "scope"},
                ),
            )
        ],
        "limits": [*_limits(settings)],
        "bursts": [
            BurstLimit(host=host, burst=Burst(per_second=settings.bursts.per_second, burst=settings.bursts.at_once))
        ],
        # The gateway's own answer to the check would be taken for an error.
        "answers": [Answers(hosts=[host], json_errors=True), Answers(hosts=[checked])],
    }


def _limits(settings: Exchange) -> Iterator[Limit]:
    """Per-User and Per-IP, by route: of requests that a token opened, since who is refused is not counted."""
    for service in SERVICES:
        found = route(settings, service)
        for name, per, number in (
            ("user", ByClaim(), found.user_requests),
            ("address", ByAddress(), found.address_requests),
        ):
            yield Limit(
                host=settings.host_label,
                limited=Limited(
                    name=f"{service.name}-{name}",
                    per=per,
                    rates=[Rate(number=number, unit=found.window)],
                    paths=[service.prefix],
                ),
                without_limiter=found.without_limiter,
            )
