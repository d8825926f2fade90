"""What clients may not send: headers that only the mesh sets, and names that some servers read as others."""

from __future__ import annotations

from collections.abc import Sequence

from infra.components.mesh.filters.placing import TYPES, connection_manager
from infra.components.mesh.objects import Spec

EARLY_MUTATION = "envoy.http.early_header_mutation.header_mutation"


def stripped_headers(headers: Sequence[str]) -> Spec:
    """Removes headers that only the mesh may set from what clients send, before any HTTP filter runs and any route is chosen.

    A VirtualService could remove them only after ext_authz, with what ext_authz has set. Spellings with underscores go too: some
    servers (WSGI, CGI) take them for the same header.
    """
    names = sorted({one.lower() for one in headers} | {one.lower().replace("-", "_") for one in headers})
    if not names:
        raise ValueError("no header to strip")
    mutation = {
        "name": EARLY_MUTATION,
        "typed_config": {
            "@type": f"{TYPES}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove": name} for name in names],
        },
    }
    return connection_manager({"early_header_mutation_extensions": [mutation]})


def rejected_underscores() -> Spec:
    """A request with an underscore in a header's name is answered with 400: some servers take it for the one with a dash."""
    return connection_manager({"common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"}})
