"""A made-up tenant of the mesh, built like a real one, on nothing but the contract and the components."""

from __future__ import annotations

from dataclasses import replace

from infra.components.aws.parameters import Parameters, ParametersArgs
from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import Container, Placement, Pod, Resources, SecretFiles, http_probe
from infra.components.cluster.secrets import FetchedSecret, FetchedSecretArgs
from infra.components.cluster.workload import Port, Workload, WorkloadArgs
from infra.components.mesh.authorization import Allow, AllowArgs, Anyone, Caller
from infra.components.mesh.cors import Cors
from infra.components.mesh.destinations import ZONES, Budget, Destination, DestinationArgs, Pool
from infra.components.mesh.egress import Visibility, VisibilityArgs
from infra.components.mesh.objects import Place
from infra.components.mesh.routes import Retries, Route, Routes, RoutesArgs, Share, Stay
from infra.contract import Cluster, Quota, Tenant, TenantArrow, TenantWorkload
from infra.exports import SystemOutputs
from infra.settings import Settings
from infra.tags import base_tags
from tests.systems import guestbook_edge

SYSTEM = HOME = "guestbook"
WORKLOAD, PORT, LABEL = "guestbook-api", 8080, "guests"
PREFIX, SITE = "/api/v1/guests", "https://guests.example.org"
SERVICE = f"{WORKLOAD}.{HOME}.svc.cluster.local"
DIGEST = "sha256:" + "a" * 64


def declare(settings: Settings) -> Tenant:
    """One API, which the gateway calls."""
    return Tenant(
        own_tokens=guestbook_edge.OWN_TOKENS,
        limits=guestbook_edge.LIMITS,
        bursts=guestbook_edge.BURSTS,
        answers=guestbook_edge.ANSWERS,
        system=SYSTEM,
        namespaces={HOME: Quota(pods=10, cpu="2", memory="4Gi", memory_limit="6Gi")},
        workloads=[TenantWorkload(name=WORKLOAD, namespace=HOME)],
        arrows=[TenantArrow(source="gateway", target=WORKLOAD, port=PORT, why="visitors")],
        hosts=[LABEL, *guestbook_edge.LABELS],
    )


def build(settings: Settings, cluster: Cluster) -> SystemOutputs:
    """Its parameter and Secret, its API, and the way in to it."""
    _secret(cluster, settings)
    _api(cluster)
    _way_in(cluster)
    guestbook_edge.build(cluster, Share(percent=100, host=SERVICE, subset="v1"), PORT)
    return {"url": f"https://{cluster.host(LABEL)}"}


def _secret(cluster: Cluster, settings: Settings) -> None:
    secrets = cluster.platform.secrets
    Parameters(
        "guestbook-parameters",
        ParametersArgs(
            path=secrets.path,
            key_arn=cluster.aws.key_arn,
            plain={},
            secret={"greeting": "a secret word"},
            tags=base_tags(system=SYSTEM, stack=settings.stack, extra={}),
        ),
    )
    FetchedSecret(
        "guestbook-secret",
        FetchedSecretArgs(
            store=secrets.store, secret=WORKLOAD, namespace=HOME, keys={"greeting": f"{secrets.path}/greeting"}, wave=-4
        ),
        cluster.platform.objects,
    )


def _api(cluster: Cluster) -> None:
    container = Container(
        name="api",
        image=f"{cluster.aws.account}.dkr.ecr.{cluster.aws.region}.amazonaws.com/guestbook@{DIGEST}",
        ports={"http": PORT},
        mounts={"/etc/secrets": "secrets"},
        resources=Resources(cpu="50m", memory="64Mi", memory_limit="128Mi"),
        probes={
            "livenessProbe": http_probe("/health", "http", periodSeconds=10, timeoutSeconds=2, failureThreshold=3),
            "readinessProbe": http_probe("/ready", "http", periodSeconds=5, timeoutSeconds=2, failureThreshold=2),
        },
        drain_seconds=5,
    )
    Workload(
        "guestbook-workload",
        WorkloadArgs(
            identity=Identity(name=WORKLOAD, namespace=HOME, part_of=SYSTEM, wave=cluster.platform.workloads_wave),
            pod=Pod(
                containers=[container],
                volumes={"secrets": SecretFiles(secret=WORKLOAD)},
                placement=Placement(labels=cluster.platform.node_selector),
                user=10001,
                sidecar=Resources(cpu="20m", memory="64Mi", memory_limit="128Mi"),
                annotations={},
            ),
            port=Port(name="http", number=PORT, protocol="http"),
        ),
        cluster.platform.objects,
    )


def _routes() -> list[Route]:
    """A tenth of the visitors read by a new release, testers all; what they write goes to the old one."""
    route = Route(prefix=PREFIX, host=SERVICE, port=PORT, timeout="3s", subset="v1")
    reads = Retries(attempts=2, per_try_timeout="1s", on="connect-failure,refused-stream,5xx,reset")
    shares = [Share(percent=90, subset="v1"), Share(percent=10, subset="v2")]
    return [
        replace(route, name="testers", headers={"x-release": "v2"}, subset="v2"),
        replace(
            route, name="reads", methods=["GET", "HEAD"], retries=reads, subset=None, shares=shares,
            stay=Stay(cookie="release", seconds=600),
        ),
        replace(route, name="writes", cors=Cors(origins=[SITE], methods=["POST"], headers=["content-type"])),
    ]  # fmt: skip


def _way_in(cluster: Cluster) -> None:
    gateway, host = cluster.gateway, cluster.host(LABEL)
    rules, routes = waved(cluster.mesh.rules_wave), waved(cluster.mesh.routes_wave)
    Routes(
        "guestbook-routes",
        RoutesArgs(
            place=Place(name="guestbook-vs", namespace=HOME, annotations=routes),
            hosts=[host],
            gateways=[gateway.reference],
            routes=_routes(),
        ),
        cluster.platform.objects,
    )
    Allow(
        f"{cluster.platform.edge_name}-edge",
        AllowArgs(
            place=Place(name="guestbook-edge", namespace=gateway.namespace, annotations=rules),
            workload=gateway.labels,
            callers=[Anyone(paths=cluster.mesh.checked_paths, hosts=[host])],
        ),
        cluster.platform.edge_objects,
    )
    api = Place(name=WORKLOAD, namespace=HOME, annotations=rules)
    Allow(
        "guestbook-allow",
        AllowArgs(
            place=api,
            workload={"app.kubernetes.io/name": WORKLOAD},
            callers=[Caller(principals=[gateway.principal], ports=[PORT])],
        ),
        cluster.platform.objects,
    )
    bounded = DestinationArgs(
        place=api,
        host=SERVICE,
        replicas=2,
        pool=Pool(max_connections=4, max_pending=1, max_requests=4),
        subsets={release: {"version": release} for release in ("v1", "v2")},
        nearest=ZONES,
        budget=Budget(percent=20, minimum=2),
    )
    Destination("guestbook-destination", bounded, cluster.platform.objects)
    Visibility(
        "guestbook-visible",
        VisibilityArgs(place=Place(name="default", namespace=HOME, annotations=rules)),
        cluster.platform.objects,
    )
