"""Routes by path, and by what else a request says: its method, headers, cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pulumi

from infra.components.cluster.rollout import CANARY, STABLE
from infra.components.mesh.cors import Cors, cors
from infra.components.mesh.objects import NETWORKING, MeshComponent, Place, Spec

SAFE_RETRIES = "connect-failure,refused-stream,reset-before-request"
"""Only what shows that the upstream has not seen the request: repeating a POST is safe then. Istio's own default is wider."""

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1), so that what the upstream has seen may be sent again."""

IDEMPOTENCY_KEY = "idempotency-key"
"""By this header (IETF draft "The Idempotency-Key HTTP Header Field") a client declares that a request may be sent again."""

PRESENT = None
"""In a route's `headers`: the header is there, whatever its value."""

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Up to `attempts` more tries, each bounded by `per_try_timeout`, when a condition of `on` (Envoy's retry policies) holds.

    What is beyond `SAFE_RETRIES` is for routes that are safe to repeat alone: those of `REPEATABLE` methods, or which ask for
    an `Idempotency-Key`.
    """

    attempts: int = 2
    per_try_timeout: str | None = None
    on: str = SAFE_RETRIES


NO_RETRIES = Retries(attempts=0)


@dataclass(frozen=True, kw_only=True)
class Share:
    """`percent` of a route's requests go to a subset of its host, or to another host on the same port.

    What is `gradual` has, instead, subsets between which a Rollout shifts it (docs/adr/0037): all is at the stable one at first.
    """

    percent: int
    subset: str | None = None
    host: str | None = None
    gradual: bool = False


@dataclass(frozen=True, kw_only=True)
class Stay:
    """Who got a share keeps it for `seconds`: the answer sets `cookie` to the first label of its host, if it names one, or else to
    its subset, and a request with it goes there."""

    cookie: str
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Route:
    """Requests for `prefix` itself and for all below it go to `host`:`port`, or to its `subset` or `shares`.

    Given `methods`, `headers` (a value, or `PRESENT`) and `cookies`, a request must have all of them, and one of the methods.
    What is `gradual` is shared out between its host's releases by a Rollout, as `Share` says.
    `timeout` bounds the whole answer with all retries, a WebSocket's until it is upgraded; None means no bound, for streams.
    A gRPC method's prefix is `/<package>.<Service>/<Method>`. `name` is the route's in logs,
    and tells routes of one prefix apart.
    """

    prefix: str
    host: str
    port: int
    timeout: str | None
    name: str | None = None
    methods: Sequence[str] = ()
    headers: Mapping[str, str | None] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    subset: str | None = None
    shares: Sequence[Share] = ()
    stay: Stay | None = None
    gradual: bool = False
    retries: Retries = Retries()
    cors: Cors | None = None


@dataclass(frozen=True, kw_only=True)
class RoutesArgs:
    """`routes` are tried in the order given. `gateways` are `<namespace>/<name>`.

    Istio merges the routes of all objects for one host in no set order, so that two objects must not share a prefix.
    """

    place: Place
    hosts: Sequence[str]
    gateways: Sequence[str]
    routes: Sequence[Route]


def routes(args: RoutesArgs) -> Spec:
    """The spec; a route that an earlier one hides is refused, and so are retries of what is not safe to repeat."""
    if not args.hosts or not args.gateways or not args.routes:
        raise ValueError(f"{args.place.reference}: routes have hosts, gateways and at least one route")
    for position, route in enumerate(args.routes):
        for wrong in _faults(route):
            raise ValueError(f"{args.place.reference}: {wrong}")
        for earlier in args.routes[:position]:
            if _hides(earlier, route):
                raise ValueError(
                    f"{args.place.reference}: {route.prefix} comes after {earlier.prefix}, which takes it all"
                )
    return {
        "hosts": list(args.hosts),
        "gateways": list(args.gateways),
        "http": [_http(one) for route in args.routes for one in (*_stayers(route), route)],
    }


def _faults(route: Route) -> Iterator[str]:
    if not route.prefix.startswith("/") or route.prefix.endswith("/") or "*" in route.prefix:
        yield f"the prefix '{route.prefix}' is not like /api/v1/scan"
    if route.shares and (route.subset or sum(share.percent for share in route.shares) != 100):
        yield f"{route.prefix}: shares add up to 100 percent, and stand in the place of a subset"
    if (route.gradual and (route.subset or route.shares)) or any(one.gradual and one.subset for one in route.shares):
        yield f"{route.prefix}: what is gradual names no subset, for a Rollout has two of its own"
    if any(not 0 <= share.percent <= 100 for share in route.shares):
        yield f"{route.prefix}: a share is 0 to 100 percent"
    if route.stay and (not route.shares or len({_kept(route, one) for one in route.shares}) < len(route.shares)):
        yield f"{route.prefix}: who may stay has shares to stay with, each of another subset or host"
    for name in (*route.headers, *route.cookies, *([route.stay.cookie] if route.stay else ())):
        if not TOKEN.fullmatch(name):
            yield f"{route.prefix}: '{name}' is no name of a header or a cookie"
    if not _may_be_repeated(route) and not {*route.retries.on.split(",")} <= {*SAFE_RETRIES.split(",")}:
        yield (
            f"{route.prefix}: retries on {route.retries.on} would repeat what the upstream has seen — allowed: for methods "
            f"{', '.join(sorted(REPEATABLE))} alone, or with the header {IDEMPOTENCY_KEY} asked for"
        )


def _may_be_repeated(route: Route) -> bool:
    only_reads = bool(route.methods) and {*route.methods} <= REPEATABLE
    return route.retries.attempts == 0 or only_reads or IDEMPOTENCY_KEY in {name.lower() for name in route.headers}


def _hides(earlier: Route, later: Route) -> bool:
    """Whether every request of `later` is one of `earlier`."""
    return (
        f"{later.prefix}/".startswith(f"{earlier.prefix}/")
        and (not earlier.methods or (bool(later.methods) and {*later.methods} <= {*earlier.methods}))
        and all(
            name in later.headers and value in (PRESENT, later.headers[name]) for name, value in earlier.headers.items()
        )
        and earlier.cookies.items() <= later.cookies.items()
    )


def _stayers(route: Route) -> Iterator[Route]:
    """A route for each share, for those who come back to it; a share of nothing keeps nobody."""
    for share in (one for one in route.shares if one.percent and route.stay):
        kept = _kept(route, share)
        stays = {**route.cookies, route.stay.cookie: kept} if route.stay else {}
        name = f"{_name(route)}-stays-{kept}"
        yield replace(
            route,
            name=name,
            cookies=stays,
            shares=(),
            stay=None,
            subset=share.subset,
            host=share.host or route.host,
            gradual=share.gradual,
        )


def _kept(route: Route, share: Share) -> str:
    """What a client remembers of its share."""
    if share.subset and not share.host:
        return share.subset
    return (share.host or route.host).partition(".")[0]


def _name(route: Route) -> str:
    return route.name or route.prefix.strip("/").replace("/", "-")


def _http(route: Route) -> Spec:
    spec: Spec = {
        "name": _name(route),
        # Two matches: a prefix of /api/v1/scan alone would also take /api/v1/scanner.
        "match": [
            {"uri": uri, **_conditions(route)} for uri in ({"exact": route.prefix}, {"prefix": f"{route.prefix}/"})
        ],
        "route": _destinations(route),
        "retries": _retries(route.retries),
    }
    if route.timeout is not None:
        spec["timeout"] = route.timeout
    if route.cors is not None:
        spec["corsPolicy"] = cors(route.cors)
    return spec


def _conditions(route: Route) -> Spec:
    found: Spec = {}
    if route.methods:
        # One match per method would be as many matches again; Envoy sees the same.
        found["method"] = _one_of(route.methods)
    headers = {name.lower(): ({} if value is PRESENT else {"exact": value}) for name, value in route.headers.items()}
    if route.cookies:
        headers["cookie"] = {"regex": "".join(map(_cookie, route.cookies.items()))}
    if headers:
        found["headers"] = headers
    return found


def _one_of(values: Sequence[str]) -> Spec:
    return {"exact": values[0]} if len(values) == 1 else {"regex": "|".join(values)}


def _cookie(wanted: tuple[str, str]) -> str:
    return rf"(?:.*;\s*)?{re.escape(wanted[0])}={re.escape(wanted[1])}(?:\s*;.*)?"


def _destinations(route: Route) -> list[Spec]:
    if route.gradual:
        return [*_shared(route, Share(percent=100, gradual=True))]
    if not route.shares:
        return [_destination(route, route.host, route.subset)]
    return [one for share in route.shares for one in _shared(route, share)]


def _shared(route: Route, share: Share) -> Iterator[Spec]:
    host = share.host or route.host
    remembered = _remembered(route.stay, _kept(route, share)) if route.stay else {}
    subsets = ((STABLE, share.percent), (CANARY, 0)) if share.gradual else ((share.subset, share.percent),)
    for subset, percent in subsets:
        yield {**_destination(route, host, subset), "weight": percent, **remembered}


def shifted(spec: Spec, host: str) -> list[str]:
    """The names of the routes in which a Rollout shifts what is for this host."""
    return [
        str(one["name"])
        for one in spec["http"]
        if any((to["destination"]["host"], to["destination"].get("subset")) == (host, CANARY) for to in one["route"])
    ]


def _destination(route: Route, host: str, subset: str | None) -> Spec:
    return {"destination": {"host": host, "port": {"number": route.port}, **({"subset": subset} if subset else {})}}


def _remembered(stay: Stay, kept: str) -> Spec:
    cookie = f"{stay.cookie}={kept}; Path=/; Max-Age={stay.seconds}; Secure; HttpOnly; SameSite=Lax"
    return {"headers": {"response": {"add": {"set-cookie": cookie}}}}


def _retries(retries: Retries) -> Spec:
    spec: Spec = {"attempts": retries.attempts}
    if retries.attempts:
        spec["retryOn"] = retries.on
        if retries.per_try_timeout is not None:
            spec["perTryTimeout"] = retries.per_try_timeout
    return spec


class Routes(MeshComponent):
    """Routing by path (eco2.md, Istio resources: `{domain}-vs`).

    Resources: a VirtualService.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:Routes"
    api_version, kind = NETWORKING, "VirtualService"

    def __init__(self, name: str, args: RoutesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, routes(args), opts)
