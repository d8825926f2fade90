"""Where a tenant's RequestAuthentication does not hold: Istio has none that is for one host of a gateway."""

from __future__ import annotations

from infra.components.mesh.filters.placing import TYPES, for_host
from infra.components.mesh.objects import Spec

JWT_AUTHN = "envoy.filters.http.jwt_authn"


def tokens_not_read(host: str, port: int) -> Spec:
    """On this host tokens go to the cluster's authorizer, as they are: the filter would refuse those of an issuer it does not know.

    Without effect it refuses what is fine; where a token is required, its absence is refused too (`tokens.RequireToken`).
    """
    per_route = {"@type": f"{TYPES}.filters.http.jwt_authn.v3.PerRouteConfig", "disabled": True}
    return for_host(host, port, {"typed_per_filter_config": {JWT_AUTHN: per_route}})
