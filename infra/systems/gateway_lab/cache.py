"""What keeps answers of the product service ("캐싱 전략"): Varnish, between it and the gateway (docs/adr/0038).

What the product service's image is told: `CACHE_PURGE_HOST` and `CACHE_PURGE_PORT`. What it has changed it takes back by
`PURGE <path>` at every address of that host: `/api/v1/products/7` with all its queries, `/api/v1/products*` all that starts so.
What may be kept it declares by `Cache-Control: public, max-age=…` or `s-maxage=…`; nothing else is.
"""

from __future__ import annotations

from infra.components.cluster.metadata import metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.cluster.pods import ConfigFiles, Container, Pod, Resources, Scratch, http_probe
from infra.components.cluster.workload import Port, Workload, WorkloadArgs
from infra.deploy_files import deploy_files
from infra.settings.gateway_lab import GatewayLab
from infra.systems.gateway_lab import versions
from infra.systems.gateway_lab.context import SIDECAR, Context, service_host
from infra.systems.gateway_lab.document import HOME, PRODUCT, SERVICES

CACHE, PURGED = "product-cache", "product-cache-purge"
"""The workload and its Service; and the Service without an address of its own, by whose name every pod of it is found."""

READ_PORT, PURGE_PORT = 6081, 6082
HEALTH = "/cache/health"

USER_ID = 1000
"""`varnish` in the official image."""

CONFIG, WORK = "/etc/varnish", "/var/lib/varnish"
TRANSIENT_MIB = 32
"""What passes through, and what is not kept: without a bound of its own, Varnish has none for it."""

BESIDE_MIB = 64
"""What Varnish needs beside what it keeps: its threads, its log in memory, a kibibyte for each answer."""

COMPILER_MIB = 128
"""The C compiler, by which it starts."""


def own_vcl(settings: GatewayLab) -> str:
    """The part of its configuration that the settings decide: where the product service is, and how long an answer is kept.

    It waits a second longer than the gateway does, so that the gateway is the one who says what took too long.
    """
    (service,) = [one for one in SERVICES if one.name == PRODUCT]
    patience = settings.timeout_seconds
    return "\n".join(
        [
            "backend product {",
            f'    .host = "{service_host(PRODUCT)}";',
            f'    .port = "{service.port}";',
            f"    .connect_timeout = {patience}s;",
            f"    .first_byte_timeout = {patience + 1}s;",
            f"    .between_bytes_timeout = {patience + 1}s;",
            f"    .max_connections = {settings.failure.concurrent_requests};",
            "}",
            "",
            "# The host that a client names is part of no key: its proxy finds the service by this one.",
            "sub of_one_host {",
            f'    set req.http.Host = "{service_host(PRODUCT)}";',
            "}",
            "",
            "sub bounded {",
            f"    if (beresp.ttl > {settings.cache.most_seconds}s) {{",
            f"        set beresp.ttl = {settings.cache.most_seconds}s;",
            "    }",
            "}",
            "",
        ]
    )


def files(settings: GatewayLab) -> dict[str, str]:
    """Its configuration, by the files' names."""
    return {**deploy_files("gateway_lab/varnish/default.vcl"), "own.vcl": own_vcl(settings)}


def arguments(mib: int) -> list[str]:
    """varnishd's, in the foreground: two ways in, no way to command it, all in bounded memory, nothing kept by default."""
    return [
        # Its pod is its jail: it has one user, and may do nothing as another.
        *("-j", "none"),
        *("-F", "-n", WORK, "-f", f"{CONFIG}/default.vcl"),
        *("-a", f"http=:{READ_PORT},HTTP", "-a", f"purge=:{PURGE_PORT},HTTP"),
        *("-T", "none"),
        *("-s", f"malloc,{mib}m", "-s", f"Transient=malloc,{TRANSIENT_MIB}m"),
        *("-p", "default_ttl=0", "-p", "default_grace=0", "-p", "default_keep=0"),
        *("-p", "thread_pools=1", "-p", "thread_pool_min=10", "-p", "thread_pool_max=200", "-p", "vsl_space=8m"),
    ]


def build_cache(context: Context) -> None:
    """Register the cache, and the name by which each of its pods is found."""
    settings = context.settings
    me = context.identity(CACHE)
    mib = settings.cache.mib
    container = Container(
        name="varnish",
        image=versions.VARNISH_IMAGE,
        command=("varnishd",),
        args=arguments(mib),
        ports={"http": READ_PORT, "purge": PURGE_PORT},
        mounts={CONFIG: "config", WORK: "work"},
        resources=Resources(
            cpu="20m",
            memory=f"{mib + BESIDE_MIB}Mi",
            memory_limit=f"{mib + TRANSIENT_MIB + BESIDE_MIB + COMPILER_MIB}Mi",
        ),
        probes={
            "startupProbe": http_probe(HEALTH, "http", periodSeconds=2, failureThreshold=60),
            "livenessProbe": http_probe(HEALTH, "http", periodSeconds=10, timeoutSeconds=3, failureThreshold=3),
            "readinessProbe": http_probe(HEALTH, "http", periodSeconds=5, timeoutSeconds=3, failureThreshold=2),
        },
        drain_seconds=5,
    )
    pod = Pod(
        containers=[container],
        volumes={"config": ConfigFiles(config_map=CACHE), "work": Scratch(size="64Mi")},
        placement=context.placement(),
        user=USER_ID,
        sidecar=SIDECAR,
    )
    workload = Workload(
        context.names.logical("workload-product-cache"),
        WorkloadArgs(
            identity=me,
            pod=pod,
            port=Port(name="http", number=READ_PORT, protocol="http"),
            replicas=settings.replicas,
            spread=True,
            files=files(settings),
        ),
        context.objects,
    )
    KubernetesObject(
        context.names.logical("product-cache-purge-service"),
        "v1/Service",
        metadata=metadata(PURGED, HOME, wave=me.wave, labels=me.labels),
        body={
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "None",
                "selector": me.selector,
                "ports": [
                    {
                        "name": "purge",
                        "port": PURGE_PORT,
                        "targetPort": "purge",
                        "protocol": "TCP",
                        "appProtocol": "http",
                    }
                ],
            }
        },
        opts=workload.child,
    )
