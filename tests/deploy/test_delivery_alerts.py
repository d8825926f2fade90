"""What people are told of their system's delivery, on the real promtool: each alert fires when it should, and no sooner."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.systems.eco2 import deliveries
from tests.deploy.test_eco2_alerts import promtool, without_annotations
from tests.systems.eco2_objects import context, manifests, of_kind
from tests.systems.needy import HOME, NEEDY, PLAIN

GROUPS = {one.system: deliveries.groups(one) for one in (deliveries.OWN, deliveries.of_tenant(NEEDY))}
RULES = {
    (system, rule["alert"]): rule for system, groups in GROUPS.items() for group in groups for rule in group["rules"]
}
"""By whose they are, and their name."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One sample a minute, and whether the alert of `system` is up at `minute`; `labels` are those beside its own."""

    alert: str
    series: Mapping[str, str]
    minute: int
    fires: bool
    system: str = "needy"
    labels: Mapping[str, str] = field(default_factory=dict)


def app(name: str, sync: str, health: str, project: str = "", operation: str = "") -> str:
    labels = {"name": name, "project": project or name, "sync_status": sync, "health_status": health}
    said = ",".join(f'{key}="{value}"' for key, value in {**labels, "operation": operation}.items())
    return f"argocd_app_info{{{said}}}"


def rollout(namespace: str, phase: str) -> str:
    return (
        f'rollout_info{{namespace="argo-rollouts",exported_namespace="{namespace}",name="needy-api",phase="{phase}"}}'
    )


def syncs(name: str, phase: str, project: str = "") -> str:
    return f'argocd_app_sync_total{{name="{name}",project="{project or name}",phase="{phase}"}}'


NEEDYS, CHARTS = {"name": "needy"}, {"name": "istiod"}

CASES: dict[str, Case] = {
    "out of step for a quarter of an hour": Case(
        alert="DeliveryOutOfStep", series={app("needy", "OutOfSync", "Healthy"): "1x30"}, minute=20, fires=True, labels=NEEDYS,
    ),
    "out of step all the time, while it is tried again and again": Case(
        alert="DeliveryOutOfStep", minute=20, fires=True, labels=NEEDYS, series={
            app("needy", "OutOfSync", "Healthy"): "1x4 _x4 1x4 _x4 1x4",
            app("needy", "OutOfSync", "Healthy", operation="sync"): "_x5 1x4 _x4 1x4 _x4",
        },
    ),
    "out of step for a moment": Case(
        alert="DeliveryOutOfStep", series={app("needy", "OutOfSync", "Healthy"): "1x30"}, minute=10, fires=False,
    ),
    "another's is out of step": Case(
        alert="DeliveryOutOfStep", series={app("other", "OutOfSync", "Healthy"): "1x30"}, minute=20, fires=False,
    ),
    "a delivery failed": Case(
        alert="DeliveryFailed", series={syncs("needy", "Failed"): "0x5 1x20"}, minute=8, fires=True, labels=NEEDYS,
    ),
    "a delivery failed, the first since Argo CD started": Case(
        alert="DeliveryFailed", series={syncs("needy", "Failed"): "_x5 1x20"}, minute=8, fires=True, labels=NEEDYS,
    ),
    "a delivery failed long ago": Case(
        alert="DeliveryFailed", series={syncs("needy", "Failed"): "_x5 1x30"}, minute=30, fires=False,
    ),
    "a delivery succeeded": Case(
        alert="DeliveryFailed", series={syncs("needy", "Succeeded"): "_x5 1x20"}, minute=8, fires=False,
    ),
    "what was delivered is degraded": Case(
        alert="DeliveryUnhealthy", series={app("needy", "Synced", "Degraded"): "1x30"}, minute=15, fires=True, labels=NEEDYS,
    ),
    "what was delivered is on its way": Case(
        alert="DeliveryUnhealthy", series={app("needy", "Synced", "Progressing"): "1x30"}, minute=15, fires=False,
    ),
    "a step failed": Case(
        alert="RolledBack", series={rollout(HOME, "Degraded"): "1x10"}, minute=3, fires=True,
        labels={"exported_namespace": HOME, "name": "needy-api"},
    ),
    "a step goes on": Case(alert="RolledBack", series={rollout(HOME, "Progressing"): "1x10"}, minute=3, fires=False),
    "another's step failed": Case(alert="RolledBack", series={rollout("other", "Degraded"): "1x10"}, minute=3, fires=False),
    "a chart of the platform is out of step": Case(
        system="eco2", alert="DeliveryOutOfStep", series={app("istiod", "OutOfSync", "Healthy", "eco2-charts"): "1x30"},
        minute=20, fires=True, labels=CHARTS,
    ),
    "a tenant's is out of step, which the tenant hears": Case(
        system="eco2", alert="DeliveryOutOfStep", series={app("needy", "OutOfSync", "Healthy"): "1x30"}, minute=20, fires=False,
    ),
    "a chart of the platform could not be delivered": Case(
        system="eco2", alert="DeliveryFailed", series={syncs("istiod", "Error", "eco2-charts"): "_x5 1x20"}, minute=8,
        fires=True, labels=CHARTS,
    ),
    "a tenant's delivery failed, which the tenant hears": Case(
        system="eco2", alert="DeliveryFailed", series={syncs("needy", "Failed"): "_x5 1x20"}, minute=8, fires=False,
    ),
    "what this repository renders is missing": Case(
        system="eco2", alert="DeliveryUnhealthy", series={app("eco2", "Synced", "Missing"): "1x30"}, minute=15, fires=True,
        labels={"name": "eco2"},
    ),
    "what this repository renders is healthy": Case(
        system="eco2", alert="DeliveryUnhealthy", series={app("eco2", "Synced", "Healthy"): "1x30"}, minute=15, fires=False,
    ),
    "nothing is heard of Argo CD": Case(system="eco2", alert="DeliveryUnseen", series={}, minute=20, fires=True),
    "Argo CD is there": Case(
        system="eco2", alert="DeliveryUnseen", series={app("eco2", "OutOfSync", "Healthy"): "1x30"}, minute=20, fires=False,
    ),
}  # fmt: skip


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    for fires in (True, False):
        assert {(case.system, case.alert) for case in CASES.values() if case.fires is fires} == set(RULES)


@pytest.mark.parametrize(("system", "alert"), RULES)
def test_an_alert_goes_to_its_systems_people(system: str, alert: str) -> None:
    """By the label that a tenant's route matches; the cluster's own has none."""
    labels = RULES[system, alert]["labels"]
    assert labels.get("namespace") == {"needy": HOME, "eco2": None}[system]
    assert len(RULES[system, alert]["annotations"]["description"]) > 40


def test_who_asked_for_nothing_is_told_of_its_delivery_all_the_same() -> None:
    """Its alerts go the way of its others: by its own route, or to the cluster's people."""
    made = of_kind(manifests(deliveries.build_deliveries, context(PLAIN)), "PrometheusRule")
    assert {*made} == {"prometheus/delivery-needy", "prometheus/delivery-eco2"}
    (group,) = made["prometheus/delivery-needy"]["spec"]["groups"]
    assert [rule["alert"] for rule in group["rules"]] == ["DeliveryOutOfStep", "DeliveryFailed", "DeliveryUnhealthy"]


def test_prometheus_asks_argo_cd_whoever_needs_what() -> None:
    made = of_kind(manifests(deliveries.build_deliveries, context()), "PodMonitor")
    (spec,) = [one["spec"] for one in made.values()]
    assert spec["selector"]["matchLabels"] == {"app.kubernetes.io/name": "argocd-application-controller"}
    assert [one["port"] for one in spec["podMetricsEndpoints"]] == ["metrics"]


def test_who_has_no_rollouts_is_told_of_none() -> None:
    without = deliveries.groups(deliveries.of_tenant(changed(PLAIN, needs=())))
    assert "RolledBack" not in {rule["alert"] for group in without for rule in group["rules"]}


def expected(case: Case) -> Sequence[dict[str, Any]]:
    if not case.fires:
        return []
    return [{"exp_labels": {**case.labels, **RULES[case.system, case.alert]["labels"]}}]


@pytest.mark.verify
@pytest.mark.parametrize("system", GROUPS)
def test_promtool_says_the_same(tmp_path: Path, system: str) -> None:
    rules = {"groups": [without_annotations(one) for one in GROUPS[system]]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    tests = [
        {
            "name": sentence,
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
            "alert_rule_test": [
                {"eval_time": f"{case.minute}m", "alertname": case.alert, "exp_alerts": expected(case)}
            ],
        }
        for sentence, case in CASES.items()
        if case.system == system
    ]
    (tmp_path / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}, width=1000)
    )
    status, said = promtool("test", "rules", tmp_path / "tests.yaml")
    assert status == 0, said
    assert re.search("SUCCESS", said)
