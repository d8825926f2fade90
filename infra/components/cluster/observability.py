"""What Prometheus scrapes and evaluates, and what Grafana shows: the operator's objects and a ConfigMap, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

MONITORING = "monitoring.coreos.com/v1"
PROXY_PORT_NAME = "http-envoy-prom"
"""The port that every Istio proxy declares. Its agent, which merges the application's metrics in, listens on an undeclared one."""

Spec = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ObjectMeta:
    """Where an object of this module goes."""

    name: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """The object's `metadata`."""
        found: dict[str, Any] = {"name": self.name, "namespace": self.namespace}
        for key, value in (("labels", self.labels), ("annotations", self.annotations)):
            if value:
                found[key] = dict(value)
        return found


@dataclass(frozen=True, kw_only=True)
class AlertRulesArgs:
    """Groups of rules, as Prometheus' own rule files have them under `groups`."""

    meta: ObjectMeta
    groups: Sequence[Mapping[str, Any]]


def alert_rules(args: AlertRulesArgs) -> Spec:
    """The spec; an alert that does not say how bad it is and what to do would wake nobody, or the wrong one."""
    names = [group["name"] for group in args.groups]
    if not names or len(set(names)) != len(names):
        raise ValueError(
            f"{args.meta.name}: groups of rules have each a name of their own, not {', '.join(names) or 'none'}"
        )
    for rule in (rule for group in args.groups for rule in group["rules"]):
        if "alert" in rule and not ("severity" in rule.get("labels", {}) and "summary" in rule.get("annotations", {})):
            raise ValueError(f"{args.meta.name}: the alert {rule['alert']} has no severity or no summary")
    return {"groups": [dict(group) for group in args.groups]}


@dataclass(frozen=True, kw_only=True)
class ProxyMetricsArgs:
    """Pods with an Istio proxy: those of `workloads` (values of `label`) in `namespaces`, asked on the agent's `port`."""

    meta: ObjectMeta
    label: str
    workloads: Sequence[str]
    namespaces: Sequence[str]
    port: int


def proxy_metrics(args: ProxyMetricsArgs) -> Spec:
    """The spec of a PodMonitor. One target a pod: found by the port that the proxy declares, asked on the agent's."""
    if not args.workloads or not args.namespaces:
        raise ValueError(f"{args.meta.name}: workloads and namespaces are named; none would mean all")
    relabelings = [
        # The default is written out: filled in by the API server, it were a difference to Argo CD for ever.
        {
            "action": "replace",
            "sourceLabels": ["__meta_kubernetes_pod_ip"],
            "targetLabel": "__address__",
            "replacement": f"$1:{args.port}",
        },
        {"action": "replace", "sourceLabels": [_meta_label(args.label)], "targetLabel": "workload"},
    ]
    return {
        "selector": {"matchExpressions": [{"key": args.label, "operator": "In", "values": list(args.workloads)}]},
        "namespaceSelector": {"matchNames": list(args.namespaces)},
        "podMetricsEndpoints": [
            {"port": PROXY_PORT_NAME, "path": "/stats/prometheus", "interval": "15s", "relabelings": relabelings}
        ],
    }


def _meta_label(label: str) -> str:
    """The name that Prometheus gives a pod's label while it discovers targets."""
    return "__meta_kubernetes_pod_label_" + "".join(sign if sign.isalnum() else "_" for sign in label)


@dataclass(frozen=True, kw_only=True)
class PodMetricsArgs:
    """Pods without a proxy, by their labels, that answer `/metrics` on the named port."""

    meta: ObjectMeta
    labels: Mapping[str, str]
    namespace: str
    port: str


def pod_metrics(args: PodMetricsArgs) -> Spec:
    """The spec of a PodMonitor."""
    if not args.labels:
        raise ValueError(f"{args.meta.name}: pods are named by labels; none would mean all")
    return {
        "selector": {"matchLabels": dict(args.labels)},
        "namespaceSelector": {"matchNames": [args.namespace]},
        "podMetricsEndpoints": [{"port": args.port, "path": "/metrics", "interval": "30s"}],
    }


class AlertRules(PlatformComponent):
    """Alerts and recording rules.

    Resources: a PrometheusRule.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:AlertRules"

    def __init__(self, name: str, args: AlertRulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        KubernetesObject(
            f"{name}-prometheusrule",
            f"{MONITORING}/PrometheusRule",
            metadata=args.meta.metadata,
            body={"spec": alert_rules(args)},
            opts=self.child,
        )
        self.register_outputs({})


class Scrape(PlatformComponent):
    """What Prometheus asks for metrics (eco2.md: Prometheus scrapes the services and ext-authz).

    Resources: a PodMonitor.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:Scrape"

    def __init__(
        self, name: str, args: ProxyMetricsArgs | PodMetricsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, opts)
        spec = proxy_metrics(args) if isinstance(args, ProxyMetricsArgs) else pod_metrics(args)
        KubernetesObject(
            f"{name}-podmonitor",
            f"{MONITORING}/PodMonitor",
            metadata=args.meta.metadata,
            body={"spec": spec},
            opts=self.child,
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class DashboardsArgs:
    """Dashboards as Grafana exports them, by their file's name."""

    meta: ObjectMeta
    files: Mapping[str, str]


def dashboards(args: DashboardsArgs) -> dict[str, str]:
    """The data of a ConfigMap; each is JSON with a fixed `uid` and without an `id`, which is another number in every Grafana."""
    for name, text in args.files.items():
        board = json.loads(text)
        if not name.endswith(".json") or not board.get("uid") or board.get("id") is not None:
            raise ValueError(f"{args.meta.name}: {name} is a .json file with a uid and without an id")
    return dict(sorted(args.files.items()))


class Dashboards(PlatformComponent):
    """Dashboards for Grafana to mount.

    Resources: a ConfigMap.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:Dashboards"

    def __init__(self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        KubernetesObject(
            f"{name}-configmap",
            "v1/ConfigMap",
            metadata=args.meta.metadata,
            body={"data": dashboards(args)},
            opts=self.child,
        )
        self.register_outputs({})
