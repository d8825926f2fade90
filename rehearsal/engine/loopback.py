"""How the program's SDK talks to an engine on this machine: directly, and without remembering the one before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS

_NO_PROXY = "no_grpc_proxy"


@contextmanager
def loopback_channels() -> Iterator[None]:
    """While the block runs, the SDK's gRPC channels use no proxy and share no connection with those of an earlier run."""
    before = os.environ.get(_NO_PROXY)
    others = before or os.environ.get("no_proxy") or ""
    os.environ[_NO_PROXY] = ",".join(filter(None, [others, "127.0.0.1", "localhost"]))
    # A port that a killed engine had may be the next one's: the process-wide pool would go on refusing it for a while.
    own_connections = ("grpc.use_local_subchannel_pool", 1)
    _GRPC_CHANNEL_OPTIONS.append(own_connections)
    try:
        yield
    finally:
        _GRPC_CHANNEL_OPTIONS.remove(own_connections)
        os.environ.pop(_NO_PROXY)
        if before is not None:
            os.environ[_NO_PROXY] = before
