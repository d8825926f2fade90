"""What the external authorizer is shown.

The only patch here that hangs on a filter's name which Istio chose: without effect it leaves more headers in the check, not less
protection.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.components.mesh.filters.placing import TYPES, listener_match
from infra.components.mesh.objects import Spec

EXT_AUTHZ = "envoy.filters.http.ext_authz"


def checked_headers(headers: Sequence[str]) -> Spec:
    """Only these headers are shown to the gRPC authorizer (eco2.md, ext-authz settings); Istio's provider can say so for HTTP only.

    Method, path and host are no headers of the check: it always has them.
    """
    if not headers:
        raise ValueError("an authorizer that sees no header can allow nothing")
    patterns = [{"exact": name.lower(), "ignore_case": True} for name in headers]
    config = {
        "@type": f"{TYPES}.filters.http.ext_authz.v3.ExtAuthz",
        "allowed_headers": {"patterns": patterns},
    }
    return {
        "applyTo": "HTTP_FILTER",
        "match": listener_match(EXT_AUTHZ),
        "patch": {"operation": "MERGE", "value": {"name": EXT_AUTHZ, "typed_config": config}},
    }
