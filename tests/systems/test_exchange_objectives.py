"""svc-gateway.md's SLO table as rules and as a dashboard. What promtool says of them is in tests/deploy/test_exchange_alerts.py."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from infra.systems.exchange import objectives
from infra.systems.exchange.document import OBJECTIVES, SERVICES
from infra.systems.exchange.objectives import SEVERITIES, WINDOWS, Burn, groups
from infra.systems.exchange.observability import dashboards
from rehearsal.recording import Recording
from tests.stacks import ROOT
from tests.systems.test_exchange import the

RUNBOOKS = "https://github.com/example/edge-platform/blob/main/docs/runbooks"
GROUPS = groups(RUNBOOKS)
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
BOARD = dashboards()["exchange.json"]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


class TestObjectives:
    def test_the_table_of_the_document(self) -> None:
        assert {one.row: (one.target, one.budget) for one in OBJECTIVES} == {
            "P95 Latency": ("≤ 500ms", 0.05),
            "Error-Rate (5xx)": ("≤ 2%", 0.02),
            "Availability": ("≥ 99.99%", 0.0001),
            "JWT Validation Fail-Rate": ("≤ 0.1%", 0.001),
            "Rate-Limit Response (429)": ("≤ 3%", 0.03),
        }

    def test_every_row_is_recorded_over_every_window(self) -> None:
        found = {(rule["record"], rule["labels"]["slo"]) for rule in RULES if rule.get("labels", {}).get("slo")}
        assert found == {(f"exchange:slo_bad:ratio_rate{window}", one.slo) for window in WINDOWS for one in OBJECTIVES}

    def test_every_row_has_a_page_and_a_ticket(self) -> None:
        assert len(ALERTS) == len(OBJECTIVES) * 2
        assert {rule["labels"]["severity"] for rule in ALERTS.values()} == {"critical", "warning"}

    def test_every_series_that_an_alert_asks_for_is_recorded(self) -> None:
        recorded = {rule["record"] for rule in RULES if "record" in rule}
        asked = {name for rule in ALERTS.values() for name in re.findall(r"exchange:[\w:]+", rule["expr"])}
        assert asked
        assert asked <= recorded

    def test_pages_and_tickets_are_those_of_the_workbook(self) -> None:
        """A budget of 30 days: 2 % in an hour, 5 % in six, 10 % in a day and in three."""
        hours = {"1h": 1, "6h": 6, "1d": 24, "3d": 72}
        spent = [round(burn.factor * hours[burn.long] / (30 * 24), 4) for one in SEVERITIES for burn in one.burns]
        assert spent == [0.02, 0.05, 0.1, 0.1]

    def test_an_alert_that_could_never_fire_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        far = replace(SEVERITIES[0], burns=[Burn(factor=20, long="1h", short="5m")])
        monkeypatch.setattr(objectives, "SEVERITIES", [far])
        with pytest.raises(ValueError, match="would never fire"):
            groups(RUNBOOKS)

    @pytest.mark.parametrize("alert", ALERTS)
    def test_an_alert_leads_to_its_chapter_of_the_runbook(self, alert: str) -> None:
        page, _, anchor = ALERTS[alert]["annotations"]["runbook_url"].partition("#")
        assert page == f"{RUNBOOKS}/exchange-slo.md"
        assert f"## {anchor}" in (ROOT / "docs" / "runbooks" / "exchange-slo.md").read_text().splitlines()

    def test_the_stacks_rules_are_these(self, prod: Recording) -> None:
        assert the(prod, "PrometheusRule", "exchange-slo")["spec"]["groups"] == list(GROUPS)

    def test_slack_is_told_by_the_namespace_of_an_alert(self, prod: Recording) -> None:
        assert {rule["labels"]["namespace"] for rule in ALERTS.values()} == {"gateway"}
        receiver = the(prod, "AlertmanagerConfig", "alerts")["spec"]["receivers"][0]["slackConfigs"][0]
        assert receiver["channel"] == "#exchange-alerts"
        (key,) = the(prod, "ExternalSecret", "alerts")["spec"]["data"]
        assert key["remoteRef"]["key"] == "/exchange/prod/alerts/slack-url"
        parameter = prod.one("Parameter", "exchange-parameters-alerts-slack-url")
        assert (parameter["name"], parameter["type"]) == ("/exchange/prod/alerts/slack-url", "SecureString")

    def test_its_proxies_and_programs_send_their_spans_to_the_collector(self, prod: Recording) -> None:
        (tracing,) = the(prod, "Telemetry", "traces")["spec"]["tracing"]
        assert tracing["randomSamplingPercentage"] == 5.0
        for service in SERVICES:
            (container,) = the(prod, "Rollout", service.name)["spec"]["template"]["spec"]["containers"]
            endpoint = {one["name"]: one["value"] for one in container["env"]}["OTEL_EXPORTER_OTLP_ENDPOINT"]
            assert endpoint.endswith(":4317")
            host = endpoint.removeprefix("http://").partition(":")[0]
            assert any(host in one for one in the(prod, "Sidecar", "default")["spec"]["egress"][0]["hosts"])

    def test_prometheus_asks_the_gateway_and_every_service(self, prod: Recording) -> None:
        spec = the(prod, "PodMonitor", "tenant-exchange", "prometheus")["spec"]
        assert spec["selector"]["matchExpressions"][0]["values"] == [
            "svc-risk-control",
            "svc-trading-api",
            "svc-wallet",
        ]
        edge = the(prod, "PodMonitor", "mesh-workloads", "prometheus")["spec"]
        assert "ingress-gateway" in edge["selector"]["matchExpressions"][0]["values"]


class TestDashboard:
    def test_grafana_mounts_it(self, prod: Recording) -> None:
        boards = the(prod, "ConfigMap", "dashboards-exchange", "grafana")["data"]
        assert boards == dashboards()
        grafana = the(prod, "Application", "grafana", "argocd")["spec"]["source"]["helm"]["valuesObject"]
        assert grafana["dashboardsConfigMaps"]["exchange"] == "dashboards-exchange"
        providers = grafana["dashboardProviders"]["dashboardproviders.yaml"]["providers"]
        assert [one["options"]["path"] for one in providers if one["name"] == "exchange"] == [
            "/var/lib/grafana/dashboards/exchange"
        ]

    def test_it_shows_every_row_of_the_table(self) -> None:
        titles = [panel["title"] for panel in json.loads(BOARD)["panels"]]
        for one in OBJECTIVES:
            assert f"{one.row} {one.target}" in titles

    def test_it_asks_for_series_that_are_there(self) -> None:
        recorded = {rule["record"] for rule in RULES if "record" in rule}
        assert set(re.findall(r"exchange:[\w:]+", BOARD)) <= recorded
        panels = [panel for panel in json.loads(BOARD)["panels"] if panel["type"] != "row"]
        assert {panel["datasource"]["uid"] for panel in panels} == {"prometheus"}
        for panel in panels:
            names = [target["refId"] for target in panel["targets"]]
            assert all(names)
            assert len(set(names)) == len(names)
