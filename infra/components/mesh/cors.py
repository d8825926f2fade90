"""Which sites' scripts may read answers: the CORS policy of a route."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from infra.components.mesh.objects import Spec

ANY = "*"
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")


@dataclass(frozen=True, kw_only=True)
class Cors:
    """Scripts of `origins` may call with these methods and headers, and read the headers `exposed`; `max_age` is a preflight's.

    `credentials`: also with what the browser adds by itself, cookies above all. Any origin (`*`) then is none: browsers refuse it,
    and where a server mirrors the origin instead, every site acts in its visitors' names.
    The gateway judges requests before it looks at CORS, so an allowance must let preflights (OPTIONS) through without a token.
    """

    origins: Sequence[str]
    methods: Sequence[str]
    headers: Sequence[str] = ()
    exposed: Sequence[str] = ()
    credentials: bool = False
    max_age: str = "10m"


def cors(args: Cors) -> Spec:
    """The policy. An origin that is not listed gets no answer to its preflight from the upstream either."""
    if not args.origins or not args.methods:
        raise ValueError("a CORS policy names origins and methods")
    if ANY in args.origins and (args.credentials or len(args.origins) > 1):
        raise ValueError("CORS for any origin (*) stands alone, and without credentials")
    for origin in args.origins:
        if origin != ANY and not ORIGIN.fullmatch(origin):
            raise ValueError(f"'{origin}' is no origin such as https://app.example.com: scheme and host, no path")
    found: Spec = {
        "allowOrigins": [{"exact": origin} for origin in args.origins],
        "allowMethods": list(args.methods),
        "allowHeaders": list(args.headers),
        "exposeHeaders": list(args.exposed),
        "maxAge": args.max_age,
        "allowCredentials": args.credentials,
        "unmatchedPreflights": "IGNORE",
    }
    return {key: value for key, value in found.items() if value != []}
