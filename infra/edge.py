"""What a tenant declares at the gateway that all tenants share, as data: the cluster's system renders it (docs/adr/0025)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.components.mesh.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class OwnTokens:
    """Hosts (labels) that the cluster's authorizer is not asked about: a request needs one of these tokens there instead.

    Without one, or with a bad one, it is answered 401; what its claims open is for the tenant's allowances to say (`Bearer`), and
    what no allowance opens is answered 403. `public` are exact paths that need none; `preflights` (CORS) need none either.
    """

    hosts: Sequence[str]
    tokens: Tokens
    public: Sequence[str] = ()
    preflights: bool = False


@dataclass(frozen=True, kw_only=True)
class AtTheGateway:
    """What a tenant has at the gateway; all of it is of its own `hosts`, which are labels below the cluster's domain.

    Each host gets a certificate and a route through the load balancer. `own_tokens` are for those where the cluster's authorizer is
    not asked.
    """

    system: str
    hosts: Sequence[str] = ()
    own_tokens: Sequence[OwnTokens] = ()

    def __post_init__(self) -> None:
        """`ValueError` for what is of a host that is not the tenant's."""
        asked = [label for own in self.own_tokens for label in own.hosts]
        for label in asked:
            if label not in self.hosts or asked.count(label) > 1:
                raise ValueError(f"{self.system}: own tokens are for a host of its own, once; {label} is not")
