"""Behind the gateway of the document: routes, releases, failure, and who may call whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from infra.components.cluster.rollout import subsets
from infra.components.mesh.authorization import Allow, AllowArgs, Caller
from infra.components.mesh.cors import Cors
from infra.components.mesh.destinations import Budget, Destination, DestinationArgs, Outliers, Pool
from infra.components.mesh.egress import ExternalHosts, ExternalHostsArgs, Visibility, VisibilityArgs
from infra.components.mesh.routes import (
    REPEATABLE,
    SAFE_RETRIES,
    Retries,
    Route,
    Routes,
    RoutesArgs,
    Share,
    Stay,
    routes,
    shifted,
)
from infra.systems.gateway_lab.cache import CACHE, PURGE_PORT, PURGED, READ_PORT
from infra.systems.gateway_lab.context import Context, service_host
from infra.systems.gateway_lab.document import (
    ADMIN,
    ARROWS,
    CACHED,
    CANARY,
    CORS_HEADERS,
    CORS_METHODS,
    DATA_PORTS,
    HEALTHY_SHARE,
    MONGODB,
    POSTGRESQL,
    PRODUCT,
    SERVICES,
    USER,
    Arrow,
    Service,
)
from infra.systems.gateway_lab.secrets import BACKUP, DATABASES

WORKLOAD = "app.kubernetes.io/name"
VIRTUAL_SERVICE = "gateway-lab-vs"
BESIDE = "v2"
"""The subset that is all of the second release's pods: by it the Rollout knows what it leaves alone in its routes."""

RELEASE_HEADER, STAY_COOKIE = "x-release", "lab_release"
"""By the header a tester names the release of the user service, `v1` or `v2`; by the cookie a client keeps its own."""

READS = tuple(sorted(REPEATABLE))
KEPT = ("GET", "HEAD")
"""What the cache is asked."""

READ_RETRIES = f"{SAFE_RETRIES},reset,gateway-error"
"""What a read is sent again for: also an answer that was lost, and 502, 503 and 504."""

(_PRODUCT,) = [one for one in SERVICES if one.name == PRODUCT]

ADDED_ARROWS = (
    Arrow(source="gateway", target=CACHE, port=READ_PORT, why="reads of products"),
    Arrow(source=CACHE, target=PRODUCT, port=_PRODUCT.port, why="what it does not have"),
    Arrow(source=PRODUCT, target=CACHE, port=PURGE_PORT, why="takes back what it has changed"),
    Arrow(source=DATABASES, target=POSTGRESQL, port=DATA_PORTS[POSTGRESQL], why="makes the user service's database"),
    Arrow(source=BACKUP, target=POSTGRESQL, port=DATA_PORTS[POSTGRESQL], why="dumps it"),
    Arrow(source=BACKUP, target=MONGODB, port=DATA_PORTS[MONGODB], why="dumps it"),
)
"""Read into the document: the cache of products, and what its databases need beside the services."""

ALL_ARROWS = (*ARROWS, *ADDED_ARROWS)


def build_mesh(context: Context) -> None:
    """Register the routes, who may call whom and how, and the ways out."""
    _routes(context)
    _arrows(context)
    _egress(context)


def below(prefix: str) -> tuple[str, str]:
    """The path itself and all below it, as Istio writes them."""
    return (prefix, f"{prefix}/*")


def _routes(context: Context) -> None:
    Routes(context.names.logical("routes"), all_routes(context), context.objects)


def all_routes(context: Context) -> RoutesArgs:
    """Every route of the gateway's."""
    return RoutesArgs(
        place=context.place(VIRTUAL_SERVICE, context.cluster.mesh.routes_wave),
        hosts=[context.host],
        gateways=[context.cluster.gateway.reference],
        routes=[route for service in SERVICES for route in service_routes(context, service)],
    )


def released_routes(context: Context) -> list[str]:
    """The names of those that lead to the user service, between whose releases its Rollout shifts."""
    return shifted(routes(all_routes(context)), service_host(USER))


def service_routes(context: Context, service: Service) -> Iterator[Route]:
    """A service's routes: reads apart from the rest, since they may be sent again; the user service's by release."""
    for prefix in service.paths:
        for methods in (READS, ()):
            if service.name == USER and prefix != ADMIN:
                yield from _released(context, prefix, service, methods)
            elif prefix == CACHED and methods:
                yield _route(context, prefix, service, KEPT, CACHE, port=READ_PORT)
            else:
                yield _route(context, prefix, service, methods, service.name)


def _released(context: Context, prefix: str, service: Service, methods: Sequence[str]) -> Iterator[Route]:
    """The release that a tester names, else by weight (Step 3-1)."""
    weights = context.settings.weights
    for release, name in (("v1", USER), ("v2", CANARY)):
        yield _route(context, prefix, service, methods, name, headers={RELEASE_HEADER: release})
    shares = [
        Share(percent=weights.v1, host=service_host(USER), gradual=True),
        Share(percent=weights.v2, host=service_host(CANARY), subset=BESIDE),
    ]
    stay = Stay(cookie=STAY_COOKIE, seconds=weights.stay_seconds) if weights.stay_seconds else None
    yield _route(context, prefix, service, methods, USER, shares=shares, stay=stay)


def _route(
    context: Context,
    prefix: str,
    service: Service,
    methods: Sequence[str],
    to: str,
    *,
    headers: dict[str, str | None] | None = None,
    shares: Sequence[Share] = (),
    stay: Stay | None = None,
    port: int | None = None,
) -> Route:
    kind = "reads" if methods else "writes"
    chosen = f"-{to}-by-name" if headers else ""
    return Route(
        prefix=prefix,
        host=service_host(to),
        port=port or service.port,
        name=f"{service.name}{'-admin' if prefix == ADMIN else ''}{chosen}-{kind}",
        timeout=f"{context.settings.timeout_seconds}s",
        methods=methods,
        headers=headers or {},
        shares=shares,
        stay=stay,
        gradual=to == USER and not shares,
        retries=Retries(attempts=context.settings.retries, on=READ_RETRIES if methods else SAFE_RETRIES),
        cors=Cors(origins=context.settings.cors.origins, methods=CORS_METHODS, headers=(*CORS_HEADERS, "X-API-Key")),
    )


def _arrows(context: Context) -> None:
    """For every workload that is called: who may, how much at a time, and when a pod is set aside."""
    for target in dict.fromkeys(arrow.target for arrow in ALL_ARROWS):
        place = context.place(target, context.cluster.mesh.rules_wave)
        Allow(
            context.names.logical(f"allow-{target}"),
            AllowArgs(
                place=place,
                workload={WORKLOAD: target},
                callers=[_caller(context, arrow) for arrow in ALL_ARROWS if arrow.target == target],
            ),
            context.objects,
        )
        Destination(context.names.logical(f"destination-{target}"), _destination(context, target), context.objects)
    # Of a host without an address of its own, mutual TLS is not found out by itself.
    place = context.place(PURGED, context.cluster.mesh.rules_wave)
    every_pod = DestinationArgs(place=place, host=service_host(PURGED), replicas=1)
    Destination(context.names.logical(f"destination-{PURGED}"), every_pod, context.objects)


def _caller(context: Context, arrow: Arrow) -> Caller:
    if CACHE in (arrow.source, arrow.target):
        return _caller_about_the_cache(context, arrow)
    if arrow.source != "gateway":
        return Caller(principals=[context.principal(arrow.source)], ports=[arrow.port])
    (service,) = [one for one in SERVICES if one.name == (USER if arrow.target == CANARY else arrow.target)]
    paths = [path for prefix in service.paths for path in below(prefix)]
    return Caller(principals=[context.cluster.gateway.principal], ports=[arrow.port], paths=paths)


def _caller_about_the_cache(context: Context, arrow: Arrow) -> Caller:
    """The gateway reads through it, it reads the product service, which alone takes things back, by the port for that."""
    if arrow.source == PRODUCT:
        return Caller(principals=[context.principal(PRODUCT)], ports=[PURGE_PORT], methods=["PURGE"])
    source = context.cluster.gateway.principal if arrow.source == "gateway" else context.principal(arrow.source)
    return Caller(principals=[source], ports=[arrow.port], paths=below(CACHED), methods=KEPT)


def _destination(context: Context, target: str) -> DestinationArgs:
    """Timeouts, the circuit breaker, ejection, and how many retries may be under way (Step 4)."""
    settings = context.settings
    place = context.place(target, context.cluster.mesh.rules_wave)
    timeout = f"{settings.timeout_seconds}s"
    if target in DATA_PORTS:
        return DestinationArgs(place=place, host=service_host(target), replicas=1, pool=Pool(connect_timeout=timeout))
    concurrent = settings.failure.concurrent_requests
    return DestinationArgs(
        place=place,
        host=service_host(target),
        replicas=settings.replicas,
        subsets=_subsets(target),
        pool=Pool(max_connections=concurrent, connect_timeout=timeout, max_pending=concurrent, max_requests=concurrent),
        outliers=Outliers(
            consecutive_5xx=settings.failure.consecutive_errors,
            interval="1s",
            base_ejection=f"{settings.failure.ejection_seconds}s",
            max_percent=round(HEALTHY_SHARE * 100),
        ),
        budget=Budget(percent=settings.failure.retry_percent, minimum=settings.retries),
    )


def _subsets(target: str) -> dict[str, Mapping[str, str]]:
    if target == USER:
        return subsets({WORKLOAD: USER})
    return {BESIDE: {WORKLOAD: CANARY}} if target == CANARY else {}


def _egress(context: Context) -> None:
    """The namespace's proxies know its own services and where spans go; the backup's also where dumps go."""
    region, wave = f"{context.region}.amazonaws.com", context.cluster.mesh.rules_wave
    ExternalHosts(
        context.names.logical("external"),
        ExternalHostsArgs(
            place=context.place("external-hosts", wave),
            hosts=(f"{context.bucket('backups')}.s3.{region}", f"s3.{region}", f"sts.{region}"),
        ),
        context.objects,
    )
    Visibility(
        context.names.logical("visible"),
        VisibilityArgs(place=context.place("default", wave), hosts=[context.spans.visible]),
        context.objects,
    )
