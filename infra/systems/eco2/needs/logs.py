"""Logs, for who wants to search what its pods wrote and what the gateway answered: read on the nodes, kept by Loki."""

from __future__ import annotations

from infra.components.cluster.metadata import NAME_LABEL
from infra.components.cluster.network_policy import Edge, Pods
from infra.needs import Logs
from infra.systems.eco2 import mesh
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.document import DEDICATED, ROLE_LABEL
from infra.systems.eco2.needs import chart_versions, collector, object_store, sources
from infra.systems.eco2.needs.answer import Answer, monitor
from infra.systems.eco2.parts import Part, Values, Wave
from infra.systems.eco2.placement import ON_TENANTS, RESTRICTED, STORAGE_CLASS, TENANT, on, resources

SHIPPER, LOKI = "log-shipper", "loki"
BUCKET = "logs"
API, GRPC, MEMBERS = 3100, 9095, 7946
SHIPPER_PODS = Pods(namespace=chart_versions.SHIPPER.namespace, labels={NAME_LABEL: SHIPPER})
LOKI_PODS = Pods(namespace=LOKI, labels={NAME_LABEL: LOKI})
POD_LOGS, PLACES = "/var/log/pods", "/var/lib/otelcol"
"""Where the kubelet keeps what pods write, and where the shipper notes how far it has read."""

READER = {"runAsUser": 10001, "runAsGroup": 0}
"""containerd makes those files with mode 0640, of root and its group."""


def answer(context: Context, asked: Asked[Logs]) -> Answer:
    """A shipper on the tenants' nodes and the gateway's, and Loki, which Grafana asks."""
    days = max(need.days for _, need in asked)
    return Answer(
        parts=[
            Part(chart=chart_versions.LOKI, wave=Wave.STORES, values=_loki(context, days)),
            Part(chart=chart_versions.SHIPPER, wave=Wave.COLLECTORS, values=_shipper(_read(asked))),
        ],
        namespaces={LOKI: "restricted"},
        pods={SHIPPER: SHIPPER_PODS, LOKI: LOKI_PODS},
        edges=[
            Edge(source=SHIPPER, target=LOKI, ports=[API], why="logs"),
            Edge(source=LOKI, target=LOKI, ports=[GRPC, MEMBERS], why="its own parts, by way of its Service"),
            Edge(source="grafana", target=LOKI, ports=[API], why="who searches"),
            Edge(source=LOKI, target="internet", ports=[object_store.HTTPS], why="S3, and STS for its role"),
            Edge(source="prometheus", target=LOKI, ports=[API], why="metrics"),
            Edge(source="prometheus", target=SHIPPER, ports=[collector.METRICS], why="metrics: what was not sent"),
        ],
        buckets={BUCKET: days + 7},
        controllers=[object_store.keeper(context, BUCKET, LOKI)],
        sources=[sources.loki(_url())],
        monitors=[monitor(LOKI, LOKI_PODS, "http-metrics"), monitor(SHIPPER, SHIPPER_PODS, "metrics")],
    )


def _url() -> str:
    return f"http://{LOKI}.{LOKI}.svc:{API}"


def _read(asked: Asked[Logs]) -> list[str]:
    """The files of these tenants' pods and of the gateway's, `<namespace>_<pod>_<uid>/<container>/<n>.log`, and no others."""
    pods = [f"{namespace}_*" for tenant, _ in asked for namespace in tenant.namespaces]
    return [f"{POD_LOGS}/{one}/*/*.log" for one in (*pods, f"{mesh.ROOT}_{mesh.GATEWAY}-*")]


def _shipper(files: list[str]) -> Values:
    """Nobody's user in root's group, without a capability or a token. Where it has read to goes with the pod: a new one reads
    again what is still there, and Loki drops a line that it has with the same time."""
    return {
        "fullnameOverride": SHIPPER,
        "nameOverride": SHIPPER,
        "mode": "daemonset",
        "image": {"repository": chart_versions.COLLECTOR_IMAGE},
        "alternateConfig": _shipping(files),
        "ports": collector.ports(),
        "securityContext": {**RESTRICTED, **READER},
        "serviceAccount": {"automountServiceAccountToken": False},
        "affinity": _where(),
        "tolerations": on("ingress-gateway")["tolerations"],
        "extraVolumes": [
            {"name": "pods", "hostPath": {"path": POD_LOGS}},
            {"name": "places", "emptyDir": {"sizeLimit": "64Mi"}},
        ],
        "extraVolumeMounts": [
            {"name": "pods", "mountPath": POD_LOGS, "readOnly": True},
            {"name": "places", "mountPath": PLACES},
        ],
        "resources": resources("20m", "192Mi"),
    }


def _where() -> Values:
    """On either of two sorts of nodes: one expression of each term is enough."""
    terms = [(ROLE_LABEL, TENANT), (DEDICATED, "ingress-gateway")]
    selected = [{"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]} for key, value in terms]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": selected}}}


def _shipping(files: list[str]) -> Values:
    """Each line with its pod's name from the file's, and its trace's id where the line is JSON and has one."""
    parse = [
        {"type": "container"},
        {"type": "json_parser", "if": 'body matches "^{"', "parse_from": "body", "on_error": "send_quiet"},
        {
            "type": "trace_parser",
            "if": 'attributes.trace_id != nil and attributes.trace_id != ""',
            "trace_id": {"parse_from": "attributes.trace_id"},
            "on_error": "send_quiet",
        },
    ]
    return {
        "extensions": {
            "health_check": collector.HEALTH,
            "file_storage": {"directory": PLACES},
        },
        "receivers": {
            "file_log": {
                "include": files,
                "start_at": "beginning",
                "include_file_path": True,
                "include_file_name": False,
                "storage": "file_storage",
                "retry_on_failure": {"enabled": True},
                "operators": parse,
            }
        },
        "processors": {
            "memory_limiter": collector.MEMORY,
            "batch": {},
        },
        "exporters": {"otlp_http": {"endpoint": f"{_url()}/otlp", "tls": {"insecure": True}}},
        "service": {
            "extensions": ["health_check", "file_storage"],
            "telemetry": collector.OWN_METRICS,
            "pipelines": {
                "logs": {
                    "receivers": ["file_log"],
                    "processors": ["memory_limiter", "batch"],
                    "exporters": ["otlp_http"],
                }
            },
        },
    }


def _loki(context: Context, days: int) -> Values:
    """One, whose chunks and index are in S3 and whose newest hours on a volume."""
    off = ("backend", "read", "write")
    return {
        "deploymentMode": "Monolithic",
        "loki": {
            "auth_enabled": False,
            "commonConfig": {"replication_factor": 1},
            "storage": {
                "type": "s3",
                "bucketNames": {"chunks": context.bucket(BUCKET)},
                "s3": {"region": context.region},
            },
            "schemaConfig": {
                "configs": [
                    {
                        "from": "2026-11-01",
                        "store": "tsdb",
                        "object_store": "s3",
                        "schema": "v13",
                        "index": {"prefix": "index_", "period": "24h"},
                    }
                ]
            },
            "limits_config": {
                "retention_period": f"{days * 24}h",
                "allow_structured_metadata": True,
                "ingestion_rate_mb": 4,
                "ingestion_burst_size_mb": 8,
            },
            "compactor": {"retention_enabled": True, "delete_request_store": "s3"},
            "analytics": {"reporting_enabled": False},
        },
        "singleBinary": {
            **ON_TENANTS,
            "replicas": 1,
            "sidecar": False,
            "persistence": {"size": "20Gi", "storageClass": STORAGE_CLASS},
            "automountServiceAccountToken": False,
            "resources": resources("100m", "1Gi"),
        },
        # It is its own and only member, found before it is ready.
        "memberlist": {"service": {"publishNotReadyAddresses": True}},
        **{one: {"replicas": 0} for one in off},
        "serviceAccount": object_store.account(context, BUCKET, LOKI),
        "rbac": {"namespaced": True},
        "ruler": {"enabled": False},
        "gateway": {"enabled": False},
        "lokiCanary": {"enabled": False},
        "test": {"enabled": False},
        "chunksCache": {"enabled": False},
        "resultsCache": {"enabled": False},
    }
