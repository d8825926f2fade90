"""What a tenant declares at the gateway that all tenants share, as data: the cluster's system renders it (docs/adr/0025)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from infra.components.mesh.filters.local_limits import Burst
from infra.components.mesh.filters.rate_limits import Limited
from infra.components.mesh.filters.response_headers import SecurityHeaders
from infra.components.mesh.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class OwnTokens:
    """Hosts (labels) that the cluster's authorizer is not asked about: a request needs one of these tokens there instead.

    Without one, or with a bad one, it is answered 401; what its claims open is for the tenant's allowances to say (`Bearer`), and
    what no allowance opens is answered 403. With `api_keys` an API key that the tenant's own filter knows will do instead
    (`KeyHolder`). `public` are exact paths that need none; `preflights` (CORS) need none either.
    """

    hosts: Sequence[str]
    tokens: Tokens
    public: Sequence[str] = ()
    preflights: bool = False
    api_keys: bool = False


WithoutLimiter = Literal["refuse", "let pass"]
"""While the limiter does not answer: 503, or as if there were no limit but the bursts."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What is counted at the limiter about requests of a host (label), after they were judged: who is refused is not counted.

    Who lets requests pass `without_limiter` has a burst on that host: something bounds them then.
    """

    host: str
    limited: Limited
    without_limiter: WithoutLimiter = "refuse"


@dataclass(frozen=True, kw_only=True)
class BurstLimit:
    """What each address may send to a host (label), before it is judged, by the gateway's own memory."""

    host: str
    burst: Burst


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What every answer of these hosts (labels) has; with `json_errors`, the gateway's own are JSON too."""

    hosts: Sequence[str]
    headers: SecurityHeaders = field(default_factory=SecurityHeaders)
    json_errors: bool = False


@dataclass(frozen=True, kw_only=True)
class ClientCertificates:
    """Whoever calls a host (label) shows a certificate that one of `authorities` (PEM) signed, on `port`; no other port has it."""

    host: str
    authorities: str
    port: int


@dataclass(frozen=True, kw_only=True)
class AtTheGateway:
    """What a tenant has at the gateway; all of it is of its own `hosts`, which are labels below the cluster's domain.

    Each host gets a certificate and a route through the load balancer, and a record but for `own_records`, which the tenant makes.
    `own_tokens` are for those where the cluster's authorizer is not asked. `limits` have names of their own.
    """

    system: str
    hosts: Sequence[str] = ()
    own_records: Sequence[str] = ()
    own_tokens: Sequence[OwnTokens] = ()
    limits: Sequence[Limit] = ()
    bursts: Sequence[BurstLimit] = ()
    answers: Sequence[Answers] = ()
    client_certificates: Sequence[ClientCertificates] = ()

    def __post_init__(self) -> None:
        """`ValueError` for what is of a host that is not the tenant's, or would be there twice."""
        for wrong in (*self._strays(), *self._loose_limits()):
            raise ValueError(f"{self.system}: {wrong}")

    def _strays(self) -> Iterator[str]:
        once = {
            "own tokens": [label for own in self.own_tokens for label in own.hosts],
            "bursts": [one.host for one in self.bursts],
            "records": list(self.own_records),
            "answers": [label for one in self.answers for label in one.hosts],
            "clients' certificates": [one.host for one in self.client_certificates],
        }
        for what, labels in once.items():
            for label in labels:
                if label not in self.hosts or labels.count(label) > 1:
                    yield f"{what} are for a host of its own, once; {label} is not"

    def _loose_limits(self) -> Iterator[str]:
        names = [one.limited.name for one in self.limits]
        for one in self.limits:
            if one.host not in self.hosts:
                yield f"limits are for a host of its own; {one.host} is not"
            if names.count(one.limited.name) > 1:
                yield f"two limits are called {one.limited.name}"
            if one.without_limiter == "let pass" and one.host not in {burst.host for burst in self.bursts}:
                yield f"{one.host} lets pass what the limiter does not answer, and has no burst that bounds it then"
