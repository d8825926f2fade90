"""eco2's observability (eco2.md: Observability, and its nodes k8s-master and k8s-monitoring)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import yaml

from infra.components.cluster.gitops import waved
from infra.components.cluster.observability import (
    AlertRules,
    AlertRulesArgs,
    Dashboards,
    DashboardsArgs,
    ObjectMeta,
    PodMetricsArgs,
    ProxyMetricsArgs,
    Scrape,
)
from infra.systems.eco2.alertmanager import ACCOUNT, ROLE, alertmanager_config
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import ARROWS, DEDICATED, HOMES, PROMETHEUS_PORT, PROXY_METRICS_PORT
from infra.systems.eco2.placement import ON_MASTER, RESTRICTED, STORAGE_CLASS, on, resources
from infra.systems.eco2.roles import service_account

Values = dict[str, Any]

FILES = Path(__file__).parents[3] / "deploy/eco2/observability"
NAME = "eco2"
PROMETHEUS_URL = f"http://{NAME}-prometheus.prometheus.svc:{PROMETHEUS_PORT}"
DASHBOARDS = "grafana-dashboards"
ADMIN_SECRET = "grafana-admin"  # noqa: S105  the name of the Secret that an ExternalSecret makes
RULES_WAVE = 12
WORKLOAD = "app.kubernetes.io/name"

WIREGUARD_KEY = "projectcalico.org/WireguardPublicKey"
"""The annotation of a node whose pods' packets are encrypted."""

NODE_METRICS_FOLDER = "/var/lib/node-exporter"
"""On every node: files that end in `.prom` here become metrics; the etcd snapshot's timer writes one."""

SNAPSHOT_AGE = "eco2:etcd_snapshot:max_age_seconds"
"""The metric that says how old the newest snapshot may be, from the settings."""


def build_observability(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register what Prometheus scrapes and evaluates, and Grafana's dashboards. The two programs are Argo CD's Applications."""
    room = context.names.logical("observability")
    AlertRules(
        f"{room}-alerts",
        AlertRulesArgs(meta=_meta("eco2-alerts", "prometheus"), groups=alert_groups(context)),
        opts,
    )
    scraped = sorted({arrow.target for arrow in ARROWS if arrow.port == PROXY_METRICS_PORT})
    Scrape(
        f"{room}-proxies",
        ProxyMetricsArgs(
            meta=_meta("mesh-workloads", "prometheus"),
            label=WORKLOAD,
            workloads=scraped,
            namespaces=sorted({HOMES[one] for one in scraped}),
            port=PROXY_METRICS_PORT,
        ),
        opts,
    )
    Scrape(
        f"{room}-certificates",
        PodMetricsArgs(
            meta=_meta("cert-manager", "prometheus"),
            labels={WORKLOAD: "cert-manager"},
            namespace="cert-manager",
            port="http-metrics",
        ),
        opts,
    )
    Scrape(
        f"{room}-istiod",
        PodMetricsArgs(
            meta=_meta("istiod", "prometheus"),
            labels={"app": "istiod"},
            namespace="istio-system",
            port="http-monitoring",
        ),
        opts,
    )
    Dashboards(
        f"{room}-dashboards",
        DashboardsArgs(
            meta=_meta(DASHBOARDS, "grafana"),
            files={
                path.name: path.read_text(encoding="utf-8") for path in sorted((FILES / "dashboards").glob("*.json"))
            },
        ),
        opts,
    )


def _meta(name: str, namespace: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace, annotations=waved(RULES_WAVE))


def alert_groups(context: Context) -> Sequence[Mapping[str, Any]]:
    """The rule files' groups, and one with what the settings say: a snapshot may be missed once, not twice."""
    seconds = context.settings.kubernetes.snapshot_minutes * 60 * 2 + 15 * 60
    limits = {"name": "eco2-limits", "rules": [{"record": SNAPSHOT_AGE, "expr": f"vector({seconds})"}]}
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((FILES / "alerts").glob("*.yaml"))]
    return [limits, *(group for file in files for group in file["groups"])]


def prometheus_values(context: Context) -> Values:
    """Two Prometheus, one on k8s-master and one on k8s-monitoring, as the document places them: each scrapes everything."""
    placed = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": DEDICATED, "operator": "In", "values": ["control-plane", "monitoring"]}
                        ]
                    }
                ]
            }
        }
    }
    return {
        "fullnameOverride": NAME,
        "crds": {"enabled": True},
        # The control plane's own components listen on the master's loopback address alone.
        "kubeControllerManager": {"enabled": False},
        "kubeScheduler": {"enabled": False},
        "kubeProxy": {"enabled": False},
        "kubeEtcd": {"enabled": False},
        # Its token goes to kubelets whose certificate the cluster's authority signed.
        "kubelet": {"serviceMonitor": {"insecureSkipVerify": False}},
        "grafana": {"enabled": False},
        "prometheusOperator": {
            **ON_MASTER,
            "admissionWebhooks": {"certManager": {"enabled": True}, "patch": {"enabled": False}},
            "resources": resources("20m", "192Mi"),
            "prometheusConfigReloader": {"resources": resources("10m", "64Mi")},
        },
        "prometheus": {
            "service": {"type": "ClusterIP", "port": PROMETHEUS_PORT, "sessionAffinity": "ClientIP"},
            "prometheusSpec": {
                "replicas": 2,
                "podAntiAffinity": "hard",
                "podAntiAffinityTopologyKey": "kubernetes.io/hostname",
                "affinity": placed,
                "tolerations": [*ON_MASTER["tolerations"], *on("monitoring")["tolerations"]],
                "resources": resources("300m", "2Gi"),
                "retention": "15d",
                "retentionSize": f"{context.settings.volumes.prometheus_gib * 85 // 100}GiB",
                "enableAdminAPI": False,
                "ruleSelectorNilUsesHelmValues": False,
                "podMonitorSelectorNilUsesHelmValues": False,
                "serviceMonitorSelectorNilUsesHelmValues": False,
                "probeSelectorNilUsesHelmValues": False,
                "scrapeConfigSelectorNilUsesHelmValues": False,
                "storageSpec": _volume(f"{context.settings.volumes.prometheus_gib}Gi"),
            },
        },
        "alertmanager": {
            "alertmanagerSpec": {
                **on("monitoring"),
                "replicas": 1,
                "resources": resources("10m", "128Mi"),
                "storage": _volume("2Gi"),
            },
            "serviceAccount": service_account(context, ACCOUNT, ROLE),
            "config": alertmanager_config(context),
        },
        "kube-state-metrics": {
            **ON_MASTER,
            "metricAnnotationsAllowList": [f"nodes=[{WIREGUARD_KEY}]"],
            "resources": resources("20m", "192Mi"),
        },
        # The node's own figures need the host's namespaces, which the restricted Pod Security Standard refuses in `prometheus`.
        "prometheus-node-exporter": {
            "namespaceOverride": "kube-system",
            "tolerations": [{"operator": "Exists"}],
            "extraArgs": [f"--collector.textfile.directory={NODE_METRICS_FOLDER}"],
            "extraHostVolumeMounts": [
                {
                    "name": "textfile",
                    "hostPath": NODE_METRICS_FOLDER,
                    "type": "DirectoryOrCreate",
                    "mountPath": NODE_METRICS_FOLDER,
                    "readOnly": True,
                }
            ],
            "resources": resources("20m", "64Mi"),
        },
    }


def _volume(size: str) -> Values:
    return {
        "volumeClaimTemplate": {
            "spec": {
                "storageClassName": STORAGE_CLASS,
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
            }
        }
    }


def grafana_values(more: Sequence[Values] = (), folders: Mapping[str, str] | None = None) -> Values:
    """Grafana on k8s-monitoring: what it shows is in Git, so that it keeps no state of its own; reached by port-forward.

    `more` are data sources beside Prometheus, `folders` ConfigMaps of dashboards beside the system's, by their folder's name.
    """
    source = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": PROMETHEUS_URL,
        "isDefault": True,
        "editable": False,
    }
    boards = {NAME: DASHBOARDS, **(folders or {})}
    return {
        **on("monitoring"),
        "replicas": 1,
        "admin": {"existingSecret": ADMIN_SECRET, "userKey": "admin-user", "passwordKey": "admin-password"},
        "service": {"type": "ClusterIP"},
        "ingress": {"enabled": False},
        "persistence": {"enabled": False},
        "initChownData": {"enabled": False},
        "testFramework": {"enabled": False},
        "rbac": {"create": False},
        "serviceAccount": {"create": True, "automountServiceAccountToken": False},
        "automountServiceAccountToken": False,
        "containerSecurityContext": RESTRICTED,
        "extraEmptyDirMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108  in the container
        "resources": resources("100m", "384Mi"),
        "datasources": {"datasources.yaml": {"apiVersion": 1, "datasources": [source, *more]}},
        "dashboardProviders": {
            "dashboardproviders.yaml": {"apiVersion": 1, "providers": [_folder(one) for one in boards]}
        },
        "dashboardsConfigMaps": boards,
        "grafana.ini": {
            "analytics": {"reporting_enabled": False, "check_for_updates": False, "check_for_plugin_updates": False},
            "auth.anonymous": {"enabled": False},
            "news": {"news_feed_enabled": False},
            "security": {"disable_gravatar": True, "cookie_samesite": "strict"},
            "users": {"allow_sign_up": False},
        },
    }


def _folder(name: str) -> Values:
    """A folder of dashboards, which the chart mounts where it says."""
    return {
        "name": name,
        "folder": name,
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "options": {"path": f"/var/lib/grafana/dashboards/{name}"},
    }
