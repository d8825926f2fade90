"""What a tenant is told of its own delivery, on the real promtool: each alert fires when it should, and stays quiet next to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.systems.eco2.needs import delivery
from tests.deploy.test_eco2_alerts import promtool, without_annotations
from tests.systems.needy import HOME, NEEDY, PLAIN

GROUPS = delivery.groups(NEEDY)
RULES = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One sample a minute, and whether the alert is up at `minute`."""

    alert: str
    series: Mapping[str, str]
    minute: int
    fires: bool
    labels: Mapping[str, str] = field(default_factory=dict)


def app(name: str, sync: str, health: str) -> str:
    return f'argocd_app_info{{name="{name}",sync_status="{sync}",health_status="{health}"}}'


def rollout(namespace: str, phase: str) -> str:
    return (
        f'rollout_info{{namespace="argo-rollouts",exported_namespace="{namespace}",name="needy-api",phase="{phase}"}}'
    )


SYNCS = 'argocd_app_sync_total{{name="{}",phase="{}"}}'

CASES: dict[str, Case] = {
    "out of step for a quarter of an hour": Case(
        alert="DeliveryOutOfStep", series={app("needy", "OutOfSync", "Healthy"): "1x30"}, minute=20, fires=True,
        labels={"name": "needy", "sync_status": "OutOfSync", "health_status": "Healthy"},
    ),
    "out of step for a moment": Case(
        alert="DeliveryOutOfStep", series={app("needy", "OutOfSync", "Healthy"): "1x30"}, minute=10, fires=False,
    ),
    "another's is out of step": Case(
        alert="DeliveryOutOfStep", series={app("other", "OutOfSync", "Healthy"): "1x30"}, minute=20, fires=False,
    ),
    "a delivery failed": Case(
        alert="DeliveryFailed", series={SYNCS.format("needy", "Failed"): "0x5 1x20"}, minute=8, fires=True,
        labels={"name": "needy", "phase": "Failed"},
    ),
    "a delivery succeeded": Case(
        alert="DeliveryFailed", series={SYNCS.format("needy", "Succeeded"): "0x5 1x20"}, minute=8, fires=False,
    ),
    "what was delivered is degraded": Case(
        alert="DeliveryUnhealthy", series={app("needy", "Synced", "Degraded"): "1x30"}, minute=15, fires=True,
        labels={"name": "needy", "sync_status": "Synced", "health_status": "Degraded"},
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
}  # fmt: skip


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    for fires in (True, False):
        assert {case.alert for case in CASES.values() if case.fires is fires} == set(RULES)


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_is_its_tenants_own(alert: str) -> None:
    """By the label that its route matches."""
    assert RULES[alert]["labels"]["namespace"] == HOME
    assert len(RULES[alert]["annotations"]["description"]) > 40


def test_who_has_no_rollouts_is_told_of_none() -> None:
    without = delivery.groups(changed(PLAIN, needs=()))
    assert "RolledBack" not in {rule["alert"] for group in without for rule in group["rules"]}


def expected(case: Case) -> Sequence[dict[str, Any]]:
    if not case.fires:
        return []
    return [{"exp_labels": {**case.labels, **RULES[case.alert]["labels"]}}]


@pytest.mark.verify
def test_promtool_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [without_annotations(one) for one in GROUPS]}))
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
            "alert_rule_test": [
                {"eval_time": f"{case.minute}m", "alertname": case.alert, "exp_alerts": expected(case)}
            ],
        }
        for case in CASES.values()
    ]
    (tmp_path / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}, width=1000)
    )
    status, said = promtool("test", "rules", tmp_path / "tests.yaml")
    assert status == 0, said
    assert re.search("SUCCESS", said)
