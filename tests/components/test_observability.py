"""What Prometheus and Grafana are told: what the builders say, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.components.cluster.observability import (
    AlertRulesArgs,
    DashboardsArgs,
    ObjectMeta,
    PodMetricsArgs,
    ProxyMetricsArgs,
    alert_rules,
    dashboards,
    pod_metrics,
    proxy_metrics,
)

META = ObjectMeta(name="x", namespace="prometheus")
ALERT: dict[str, Any] = {
    "alert": "Down", "expr": "up == 0", "labels": {"severity": "critical"}, "annotations": {"summary": "It is down"},
}  # fmt: skip
RULES = AlertRulesArgs(meta=META, groups=[{"name": "a", "rules": [ALERT, {"record": "b", "expr": "vector(1)"}]}])
PROXIES = ProxyMetricsArgs(
    meta=META, label="app.kubernetes.io/name", workloads=["scan-api"], namespaces=["scan"], port=15020
)
PODS = PodMetricsArgs(meta=META, labels={"app": "istiod"}, namespace="istio-system", port="http-monitoring")
BOARD = json.dumps({"uid": "edge", "title": "Edge", "panels": []})
BOARDS = DashboardsArgs(meta=META, files={"edge.json": BOARD})


def test_an_object_says_what_it_has_and_no_more() -> None:
    assert META.metadata == {"name": "x", "namespace": "prometheus"}
    assert replace(META, labels={"a": "b"}, annotations={"c": "d"}).metadata == {
        "name": "x",
        "namespace": "prometheus",
        "labels": {"a": "b"},
        "annotations": {"c": "d"},
    }


def test_rules_are_prometheus_own_groups() -> None:
    assert alert_rules(RULES) == {"groups": RULES.groups}


def test_a_proxy_is_found_by_its_declared_port_and_asked_on_its_agents() -> None:
    spec = proxy_metrics(PROXIES)
    assert spec["namespaceSelector"] == {"matchNames": ["scan"]}
    (endpoint,) = spec["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["relabelings"][0]["replacement"]) == ("http-envoy-prom", "$1:15020")


def test_a_pod_without_a_proxy_is_asked_on_its_named_port() -> None:
    assert pod_metrics(PODS) == {
        "selector": {"matchLabels": {"app": "istiod"}},
        "namespaceSelector": {"matchNames": ["istio-system"]},
        "podMetricsEndpoints": [{"port": "http-monitoring", "path": "/metrics", "interval": "30s"}],
    }


def test_dashboards_are_files_of_a_config_map() -> None:
    assert dashboards(BOARDS) == {"edge.json": BOARD}


def _without(part: str) -> AlertRulesArgs:
    return replace(
        RULES, groups=[{"name": "a", "rules": [{key: value for key, value in ALERT.items() if key != part}]}]
    )


REFUSED: dict[str, Callable[[], object]] = {
    "an alert without a severity": lambda: alert_rules(_without("labels")),
    "an alert without a summary": lambda: alert_rules(_without("annotations")),
    "two groups of one name": lambda: alert_rules(replace(RULES, groups=[*RULES.groups] * 2)),
    "no rules at all": lambda: alert_rules(replace(RULES, groups=[])),
    "proxies of any workload": lambda: proxy_metrics(replace(PROXIES, workloads=[])),
    "proxies of any namespace": lambda: proxy_metrics(replace(PROXIES, namespaces=[])),
    "any pod": lambda: pod_metrics(replace(PODS, labels={})),
    "a dashboard without a uid": lambda: dashboards(replace(BOARDS, files={"edge.json": "{}"})),
    "a dashboard with an id": lambda: dashboards(replace(BOARDS, files={"edge.json": '{"uid": "x", "id": 7}'})),
    "a dashboard in a file of another kind": lambda: dashboards(replace(BOARDS, files={"edge.yaml": BOARD})),
    "a dashboard that is no JSON": lambda: dashboards(replace(BOARDS, files={"edge.json": "{"})),
}


@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_watch_nothing_or_everything_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        build()
