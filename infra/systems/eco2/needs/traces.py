"""Spans, for who wants to see a request whole: proxies and programs send them to a collector, which Tempo keeps them for."""

from __future__ import annotations

import pulumi

from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import NAME_LABEL
from infra.components.cluster.network_policy import Edge, Pods
from infra.components.mesh.filters.placing import GatewayFilter, GatewayFilterArgs
from infra.components.mesh.filters.request_headers import stripped_headers
from infra.components.mesh.objects import Place
from infra.components.mesh.telemetry import Tracing, TracingArgs
from infra.needs import Traces
from infra.systems.eco2 import mesh, tracing
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.needs import chart_versions, collector, object_store, sources
from infra.systems.eco2.needs.answer import Answer, monitor
from infra.systems.eco2.parts import Part, Values, Wave
from infra.systems.eco2.placement import ON_TENANTS, RESTRICTED, STORAGE_CLASS, resources

COLLECTOR, TEMPO = tracing.NAME, "tempo"
BUCKET = "traces"
QUERIES = 3200
COLLECTOR_PODS = Pods(namespace=tracing.NAMESPACE, labels={NAME_LABEL: COLLECTOR})
TEMPO_PODS = Pods(namespace=TEMPO, labels={NAME_LABEL: TEMPO})


def answer(context: Context, asked: Asked[Traces]) -> Answer:
    """The collector, which the gateway and these tenants' pods reach, and Tempo behind it, which Grafana asks."""
    days = max(need.days for _, need in asked)
    senders = [mesh.GATEWAY, *(one.name for tenant, _ in asked for one in tenant.workloads if one.proxied)]
    return Answer(
        parts=[
            Part(chart=chart_versions.TEMPO, wave=Wave.STORES, values=_tempo(context, days)),
            Part(chart=chart_versions.COLLECTOR, wave=Wave.COLLECTORS, values=_collector()),
        ],
        namespaces={COLLECTOR_PODS.namespace: "restricted", TEMPO: "restricted"},
        pods={COLLECTOR: COLLECTOR_PODS, TEMPO: TEMPO_PODS},
        edges=[
            *(Edge(source=one, target=COLLECTOR, ports=[tracing.OTLP], why="spans") for one in senders),
            Edge(source=COLLECTOR, target=TEMPO, ports=[tracing.OTLP], why="spans, in batches"),
            Edge(source="grafana", target=TEMPO, ports=[QUERIES], why="who looks at a trace"),
            Edge(source=TEMPO, target="internet", ports=[object_store.HTTPS], why="S3, and STS for its role"),
            Edge(source="prometheus", target=COLLECTOR, ports=[collector.METRICS], why="metrics: what was refused"),
            Edge(source="prometheus", target=TEMPO, ports=[QUERIES], why="metrics"),
        ],
        # The net below Tempo's own compactor, which deletes what is older.
        buckets={BUCKET: days + 7},
        controllers=[object_store.keeper(context, BUCKET, TEMPO)],
        sources=[sources.tempo(f"http://{TEMPO}.{TEMPO}.svc:{QUERIES}")],
        monitors=[monitor(COLLECTOR, COLLECTOR_PODS, "metrics"), monitor(TEMPO, TEMPO_PODS, "prom-metrics")],
        build=lambda room, opts: _gateway(room, max(need.percent for _, need in asked), opts),
    )


def _gateway(room: str, percent: float, opts: pulumi.ResourceOptions) -> None:
    """The gateway's own, beside the mesh's one Telemetry without a selector, which stays as it is."""
    GatewayFilter(
        f"{room}-strip-trace-headers",
        GatewayFilterArgs(
            place=Place(name="strip-trace-headers", namespace=mesh.ROOT, annotations=waved(Wave.MESH_RULES)),
            workload=mesh.GATEWAY_LABELS,
            patches=[stripped_headers(DECIDING)],
        ),
        opts,
    )
    Tracing(
        f"{room}-gateway-traces",
        TracingArgs(
            place=Place(name="gateway-traces", namespace=mesh.ROOT, annotations=waved(Wave.MESH_RULES)),
            provider=tracing.PROVIDER,
            percent=percent,
            workload=mesh.GATEWAY_LABELS,
        ),
        opts,
    )


DECIDING = ("x-client-trace-id",)
"""With this header Envoy traces a request whatever the share is; with `traceparent` it does not (tests/mesh/test_traces.py)."""

WITHOUT_QUERIES = [
    *(f'replace_pattern(span.attributes["{one}"], "[?].*", "")' for one in ("http.url", "http.target", "url.full")),
    'delete_key(span.attributes, "url.query")',
]
"""An OAuth callback's query holds the authorization code; the access log leaves it out too."""


def _collector() -> Values:
    """Two of them, which keep nothing: what they cannot pass on within their memory is refused, and dropped by who sent it."""
    return {
        **ON_TENANTS,
        "fullnameOverride": COLLECTOR,
        "nameOverride": COLLECTOR,
        "mode": "deployment",
        "replicaCount": 2,
        "image": {"repository": chart_versions.COLLECTOR_IMAGE},
        "alternateConfig": {
            "extensions": {"health_check": collector.HEALTH},
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"${{env:MY_POD_IP}}:{tracing.OTLP}"}}}},
            "processors": {
                "memory_limiter": collector.MEMORY,
                "transform/queries": {"error_mode": "ignore", "trace_statements": WITHOUT_QUERIES},
                "batch": {},
            },
            "exporters": {
                "otlp_grpc": {"endpoint": f"{TEMPO}.{TEMPO}.svc:{tracing.OTLP}", "tls": {"insecure": True}},
            },
            "service": {
                "extensions": ["health_check"],
                "telemetry": collector.OWN_METRICS,
                "pipelines": {
                    "traces": {
                        "receivers": ["otlp"],
                        "processors": ["memory_limiter", "transform/queries", "batch"],
                        "exporters": ["otlp_grpc"],
                    }
                },
            },
        },
        "ports": collector.ports("otlp"),
        "podSecurityContext": {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001},
        "securityContext": RESTRICTED,
        "serviceAccount": {"automountServiceAccountToken": False},
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(COLLECTOR_PODS.labels)},
            }
        ],
        "resources": resources("50m", "512Mi"),
    }


def _tempo(context: Context, days: int) -> Values:
    """One, whose blocks are in S3 and whose newest minutes on a volume: a node's loss costs the time of a start, no traces."""
    s3 = {
        "bucket": context.bucket(BUCKET),
        "endpoint": f"s3.{context.region}.amazonaws.com",
        "region": context.region,
    }
    return {
        **ON_TENANTS,
        "replicas": 1,
        "tempo": {
            "memBallastSizeMbs": 0,
            "reportingEnabled": False,
            "retention": f"{days * 24}h",
            "storage": {"trace": {"backend": "s3", "s3": s3}},
            "overrides": {"defaults": {"ingestion": {"rate_limit_bytes": 5_000_000, "burst_size_bytes": 10_000_000}}},
            "securityContext": RESTRICTED,
            "resources": resources("100m", "1Gi"),
        },
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "serviceAccount": object_store.account(context, BUCKET, TEMPO),
        "persistence": {"enabled": True, "size": "10Gi", "storageClassName": STORAGE_CLASS},
    }
