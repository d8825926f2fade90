"""The rate-limit service of the tenants' hosts: `github.com/envoyproxy/ratelimit`, with its counters in a Redis of its own pod.

Redis listens on a socket of the pod and nowhere else: the service takes a password by its environment only, and no password is
needed for what nobody can reach. One pod counts for all gateways; while there is none, each tenant has said what happens.
"""

from __future__ import annotations

from pathlib import Path

import pulumi
import yaml

from infra.components.cluster.config_files import checksum, config_files
from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import (
    ConfigFiles,
    Container,
    Placement,
    Pod,
    Resources,
    Scratch,
    command_probe,
    http_probe,
)
from infra.components.cluster.workload import Port, Workload, WorkloadArgs
from infra.components.mesh.authorization import Allow, AllowArgs, Caller
from infra.components.mesh.destinations import Destination, DestinationArgs
from infra.components.mesh.egress import Visibility, VisibilityArgs
from infra.components.mesh.filters.rate_limits import rules
from infra.components.mesh.objects import Place
from infra.contract import Tenant
from infra.systems.eco2 import mesh, versions, workloads
from infra.systems.eco2.context import RATE_LIMITER, Context
from infra.systems.eco2.document import ROLE_LABEL
from infra.systems.eco2.placement import TENANT

NAME = HOME = RATE_LIMITER.system
(PORT,) = (arrow.port for arrow in RATE_LIMITER.arrows)
HTTP_PORT, METRICS_PORT = 8080, 9090
SERVICE = f"{NAME}.{HOME}.svc.cluster.local"
METHOD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
USER = 65532
SOCKET_FOLDER, RULES_FOLDER, REDIS_FOLDER = "/run/redis", "/config/ratelimit/config", "/etc/redis"
REDIS_CONF = Path(__file__).parents[3] / "deploy/eco2/ratelimit/redis.conf"


def domain(tenant: Tenant) -> str:
    """Each tenant's rules have a domain of their own: no limit is another's."""
    return tenant.system


def build_rate_limits(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register the service, who may ask it, and its rules; nothing where no tenant limits rates."""
    limiting = [tenant for tenant in context.tenants if tenant.limits]
    if not limiting:
        return
    room = context.names.logical(NAME)
    files = {f"{domain(tenant)}.yaml": _rules(tenant) for tenant in limiting}
    me = Identity(name=NAME, namespace=HOME, part_of="eco2", wave=workloads.WAVE)
    redis = {"redis.conf": REDIS_CONF.read_text(encoding="utf-8")}
    made = Workload(room, _workload(me, {**files, **redis}), opts)
    own = Identity(name=f"{NAME}-redis", namespace=HOME, part_of="eco2", wave=me.wave)
    config_files(room, me, files, made.child)
    config_files(f"{room}-redis", own, redis, made.child)
    place = Place(name=NAME, namespace=HOME, annotations=waved(mesh.RULES_WAVE))
    asked = Caller(principals=[mesh.account(mesh.GATEWAY)], ports=[PORT], paths=[METHOD])
    Allow(f"{room}-allow", AllowArgs(place=place, workload={mesh.WORKLOAD: NAME}, callers=[asked]), opts)
    Destination(f"{room}-destination", DestinationArgs(place=place, host=SERVICE, replicas=1), opts)
    default = Place(name="default", namespace=HOME, annotations=waved(mesh.RULES_WAVE))
    Visibility(f"{room}-visible", VisibilityArgs(place=default), opts)


def _rules(tenant: Tenant) -> str:
    return str(yaml.safe_dump(rules(domain(tenant), [one.limited for one in tenant.limits]), sort_keys=False))


def _workload(me: Identity, files: dict[str, str]) -> WorkloadArgs:
    ready = ("redis-cli", "-s", f"{SOCKET_FOLDER}/redis.sock", "ping")
    redis = Container(
        name="redis",
        image=versions.REDIS_IMAGE,
        command=("redis-server", f"{REDIS_FOLDER}/redis.conf"),
        mounts={SOCKET_FOLDER: "socket", REDIS_FOLDER: "redis"},
        resources=Resources(cpu="50m", memory="128Mi", memory_limit="192Mi"),
        probes={
            "livenessProbe": command_probe(ready, periodSeconds=10, timeoutSeconds=3, failureThreshold=3),
            "readinessProbe": command_probe(ready, periodSeconds=5, timeoutSeconds=3, failureThreshold=2),
        },
    )
    limiter = Container(
        name=NAME,
        image=versions.RATE_LIMIT_IMAGE,
        env=settings(),
        ports={"grpc": PORT, "http": HTTP_PORT},
        mounts={SOCKET_FOLDER: "socket", RULES_FOLDER: "rules"},
        resources=Resources(cpu="50m", memory="64Mi", memory_limit="256Mi"),
        probes={
            # It ends when Redis is not there yet, and is started again.
            "startupProbe": http_probe("/healthcheck", "http", periodSeconds=2, timeoutSeconds=2, failureThreshold=30),
            "livenessProbe": http_probe("/healthcheck", "http", periodSeconds=10, timeoutSeconds=2, failureThreshold=3),
            "readinessProbe": http_probe("/healthcheck", "http", periodSeconds=5, timeoutSeconds=2, failureThreshold=2),
        },
    )
    return WorkloadArgs(
        identity=me,
        pod=Pod(
            containers=[redis, limiter],
            volumes={
                "socket": Scratch(size="1Mi", memory=True),
                "rules": ConfigFiles(config_map=NAME),
                "redis": ConfigFiles(config_map=f"{NAME}-redis"),
            },
            placement=Placement(labels={ROLE_LABEL: TENANT}),
            user=USER,
            sidecar=workloads.SIDECAR,
            annotations={**workloads.metrics(METRICS_PORT, "/metrics"), **checksum(files)},
        ),
        port=Port(name="grpc", number=PORT, protocol="grpc"),
    )


def settings() -> dict[str, str]:
    """The service's environment, but for where its Redis is (a test has it elsewhere)."""
    return {
        "RUNTIME_ROOT": "/config",
        "RUNTIME_SUBDIRECTORY": "ratelimit",
        "RUNTIME_APPDIRECTORY": "config",
        # A ConfigMap's folder holds its files twice, the other time below a name with dots.
        "RUNTIME_IGNOREDOTFILES": "true",
        "RUNTIME_WATCH_ROOT": "false",
        # Without rules it is not ready: the pod with the old ones stays.
        "HEALTHY_WITH_AT_LEAST_ONE_CONFIG_LOADED": "true",
        "BACKEND_TYPE": "redis",
        "REDIS_SOCKET_TYPE": "unix",
        "REDIS_URL": f"{SOCKET_FOLDER}/redis.sock",
        "REDIS_TIMEOUT": "100ms",
        "HOST": "0.0.0.0",  # noqa: S104 - the kubelet's probe, by the proxy's agent; the network policy admits nobody else
        "PORT": str(HTTP_PORT),
        "GRPC_PORT": str(PORT),
        "DEBUG_HOST": "127.0.0.1",
        "USE_STATSD": "false",
        "USE_PROMETHEUS": "true",
        "PROMETHEUS_ADDR": f":{METRICS_PORT}",
        "LOG_LEVEL": "warn",
        "LOG_FORMAT": "json",
    }
