"""Who is told of what, and what Grafana shows: alert rules, a dashboard of the services and one of the business (Step 2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from infra.components.cluster.gitops import waved
from infra.components.cluster.observability import AlertRules, AlertRulesArgs, ObjectMeta
from infra.components.mesh.telemetry import Tracing, TracingArgs
from infra.needs import Alerts, Dashboards, Logs, Mail, Need, Rollouts, Traces
from infra.settings.gateway_lab import GatewayLab
from infra.systems.gateway_lab.context import Context
from infra.systems.gateway_lab.document import HOME

ALERTS = Path(__file__).parents[3] / "deploy/gateway_lab/observability/alerts.yaml"
_OURS = f'reporter="source",destination_service_namespace="{HOME}"'
_RATE = "[$__rate_interval]"
_TIMES = "istio_request_duration_milliseconds_bucket"

Panel = tuple[str, str, str, str]
"""A title, a unit of Grafana's, a query, and what names its series."""

SERVICES: Sequence[Panel] = (
    ("Requests by service", "reqps", f"sum by (destination_service_name) (rate(istio_requests_total{{{_OURS}}}{_RATE}))",
     "{{destination_service_name}}"),
    ("Answers by code", "reqps", f"sum by (response_code) (rate(istio_requests_total{{{_OURS}}}{_RATE}))", "{{response_code}}"),
    ("99 of 100 answers within", "ms",
     f"histogram_quantile(0.99, sum by (le, destination_service_name) (rate({_TIMES}{{{_OURS}}}{_RATE})))",
     "{{destination_service_name}}"),
    ("user-service by release", "reqps",
     f'sum by (destination_service_name) (rate(istio_requests_total{{{_OURS},destination_service_name=~"user-service.*"}}{_RATE}))',
     "{{destination_service_name}}"),
    ("Why requests failed", "reqps",
     f'sum by (response_flags) (rate(istio_requests_total{{{_OURS},response_flags!="-"}}{_RATE}))', "{{response_flags}}"),
)  # fmt: skip

BUSINESS: Sequence[Panel] = (
    ("Orders", "short", f"sum by (status) (increase(lab_orders_total{_RATE}))", "{{status}}"),
    ("Turnover", "currencyUSD", f"sum(increase(lab_order_value_usd_total{_RATE}))", "turnover"),
    ("Logins", "short", f"sum by (result) (increase(lab_logins_total{_RATE}))", "{{result}}"),
    ("Products looked at", "short", f"topk(10, sum by (product) (increase(lab_product_views_total{_RATE})))", "{{product}}"),
    ("Notifications waiting", "short", "sum(lab_notifications_waiting)", "waiting"),
)  # fmt: skip
"""Custom metrics ("커스텀 메트릭"): the images export them at `/metrics`, and Prometheus gets them by their proxy's agent."""


def needs(own: GatewayLab) -> list[Need]:
    """What the platform does for the lab beside running it."""
    shown = Dashboards(
        files={"services.json": board("services", SERVICES), "business.json": board("business", BUSINESS)}
    )
    mail = own.alerts.mail
    told = Mail(to=mail.to, sender=mail.sender, relay=mail.relay, user=mail.user)
    return [
        Rollouts(),
        shown,
        Alerts(slack_channel=own.alerts.slack_channel, mail=told),
        Traces(percent=own.traces.percent, days=own.traces.days),
        Logs(days=own.log_days),
    ]


def board(name: str, panels: Sequence[Panel]) -> str:
    """A dashboard as Grafana exports it, with a panel in each half of a row."""
    source = {"type": "prometheus", "uid": "prometheus"}
    shown: list[dict[str, Any]] = [
        {
            "id": number,
            "title": title,
            "type": "timeseries",
            "datasource": source,
            "gridPos": {"h": 8, "w": 12, "x": 12 * ((number - 1) % 2), "y": 8 * ((number - 1) // 2)},
            "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
            "targets": [{"refId": "A", "expr": query, "legendFormat": legend, "datasource": source}],
        }
        for number, (title, unit, query, legend) in enumerate(panels, start=1)
    ]
    about = {
        "uid": f"gateway-lab-{name}",
        "title": f"gateway lab: {name}",
        "tags": [HOME],
        "schemaVersion": 39,
        "version": 1,
    }
    when = {"refresh": "30s", "time": {"from": "now-1h", "to": "now"}, "timezone": "browser", "editable": False}
    return json.dumps(
        {**about, **when, "templating": {"list": []}, "annotations": {"list": []}, "panels": shown}, indent=2
    )


def alert_groups() -> list[dict[str, Any]]:
    """The rules' groups, as their file has them."""
    return list(yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"])


def build_observability(context: Context) -> None:
    """Register the rules, which Prometheus takes from every namespace, and what of requests becomes a trace ("분산 추적")."""
    Tracing(
        context.names.logical("traces"),
        TracingArgs(
            place=context.place("traces", context.cluster.mesh.rules_wave),
            provider=context.spans.provider,
            percent=context.settings.traces.percent,
        ),
        context.objects,
    )
    wave = context.cluster.mesh.routes_wave
    AlertRules(
        context.names.logical("alerts"),
        AlertRulesArgs(
            meta=ObjectMeta(name="gateway-lab-alerts", namespace=HOME, annotations=waved(wave)), groups=alert_groups()
        ),
        context.objects,
    )
