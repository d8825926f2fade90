"""Envoy's buffer: a request that is greater than it may be is refused before any service sees it, on one host."""

from __future__ import annotations

from infra.components.mesh.filters.placing import TYPES, before_router, for_host
from infra.components.mesh.objects import Spec

BUFFER = "envoy.filters.http.buffer"
_BUFFER = f"{TYPES}.filters.http.buffer.v3"


def limited_requests(host: str, port: int, most_bytes: int) -> list[Spec]:
    """The patches: a body beyond `most_bytes` is answered 413, whether or not the client said how long it is.

    The gateway keeps the whole request until it is there, after everything that judges who sends it: for small requests only, and
    for no stream.
    """
    if not 0 < most_bytes <= 100 * 1024 * 1024:
        raise ValueError(
            f"{host}: {most_bytes} bytes: the gateway keeps whole requests in memory — allowed: up to 100 MiB"
        )
    there = before_router(BUFFER, {"@type": f"{_BUFFER}.Buffer", "max_request_bytes": most_bytes})
    # Other hosts have streams; a host's own settings turn it on.
    there["patch"]["value"]["disabled"] = True
    here = {"@type": f"{_BUFFER}.BufferPerRoute", "buffer": {"max_request_bytes": most_bytes}}
    return [there, for_host(host, port, {"typed_per_filter_config": {BUFFER: here}})]
