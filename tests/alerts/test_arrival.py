"""Every alert of every system of prod, raised on a real Alertmanager: it reaches its own people, and nobody else."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from infra.systems import REGISTRY
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.alerts.receivers import Config, Receivers, heard_of, receivers
from tests.alerts.routes import PASSWORD, RECORD, mark, merged, objects_of, question
from tests.stacks import ROOT

ALARMS, HEARTBEAT = "eco2-prod-alarms", "eco2-prod-heartbeat"
CLUSTER = f"sns:{ALARMS}"
TOLD: Mapping[str, Sequence[str]] = {
    "eco2": [CLUSTER],
    "exchange": ["slack:#exchange-alerts"],
    "gateway_lab": ["mail:gateway-lab@example.com", "slack:#gateway-lab"],
    # Its document names nobody: whoever runs the cluster hears of it.
    "immersiverse": [CLUSTER],
}
"""Who is told of each system's alerts."""

APART = {("eco2", "Watchdog"): [f"sns:{HEARTBEAT}"]}
ELSEWHERE = {"wealist"}
"""Whose Prometheus is not the cluster's: tests/alerts/test_wealist.py tries its own."""

NOBODY = {"delivery"}
"""Systems that run nothing and so have no alerts; test_who_has_no_alerts_has_no_rules holds it."""

DEPLOY, ALERTS_FILE = ROOT / "deploy", re.compile("alert|prometheus")

Labels = Mapping[str, str]


def alerts_of(recording: Recording) -> dict[str, list[Labels]]:
    """Each system's alerts, by the labels that their rules set; what a tenant is told of its own delivery is its own."""
    found: dict[str, list[Labels]] = {}
    for one in recording:
        if one.custom and one.type.endswith(":PrometheusRule"):
            rules = [rule for group in reveal(one.inputs)["spec"]["groups"] for rule in group["rules"]]
            alerts = [{"alertname": rule["alert"], **rule["labels"]} for rule in rules if "alert" in rule]
            found.setdefault(_system(one.name), []).extend(alerts)
    return found


def _system(name: str) -> str:
    """Whose rules are so called; those of each delivery are the cluster's, with the system in their name."""
    whose = name.removeprefix("eco2-deliveries-").replace("-", "_")
    (system,) = [one for one in REGISTRY if f"{whose}_".startswith(f"{one}_")]
    return system


def expected(alerts: Mapping[str, Sequence[Labels]]) -> dict[str, list[str]]:
    """What each receiver is told; of the same name and severity, two systems' are one message, as each route groups them."""
    found: dict[str, list[str]] = {}
    for system, each in alerts.items():
        for labels in each:
            name = labels["alertname"]
            for receiver in APART.get((system, name), TOLD[system]):
                found.setdefault(receiver, []).append(_line(receiver, labels))
    return {receiver: sorted({*told}) for receiver, told in found.items()}


def _line(receiver: str, labels: Labels) -> str:
    if receiver == f"sns:{HEARTBEAT}":
        return "Watchdog"
    if receiver.startswith("mail:"):
        return f"[FIRING:1] {labels['alertname']} {labels['severity']} ({labels['namespace']})"
    return f"FIRING {labels['alertname']} ({labels['severity']})"


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Receivers]:
    with receivers(tmp_path, [ALARMS, HEARTBEAT], PASSWORD) as all_of_them:
        yield all_of_them


def recorded() -> Config:
    config: Config = yaml.safe_load(RECORD.read_text())
    return config


@pytest.mark.verify
def test_every_alert_of_prod_reaches_its_own_people_and_nobody_else(
    prod: Recording, tmp_path: Path, told: Receivers
) -> None:
    alerts = alerts_of(prod)
    wanted = expected(alerts)
    up = [one for each in alerts.values() for one in each]
    assert heard_of(tmp_path, told, recorded(), up, sum(map(len, wanted.values()))) == wanted


@pytest.mark.verify
@pytest.mark.parametrize("system", TOLD)
def test_each_systems_failed_delivery_reaches_its_people_when_nothing_else_is_up(
    prod: Recording, tmp_path: Path, told: Receivers, system: str
) -> None:
    """Whether it asked for a route of its own or not."""
    up = [one for one in alerts_of(prod)[system] if one["alertname"] == "DeliveryFailed"]
    wanted = expected({system: up})
    assert {*wanted} == {*TOLD[system]}
    assert heard_of(tmp_path, told, recorded(), up, len(wanted)) == wanted


@pytest.mark.verify
def test_without_its_bound_the_clusters_route_would_wake_its_people_for_each_critical_alert_of_a_tenant(
    tmp_path: Path, told: Receivers
) -> None:
    """The operator lets an alert go on after a tenant's route."""
    config = copy.deepcopy(recorded())
    (own,) = [one for one in config["route"]["routes"] if one["receiver"] == "alarms"]
    own["matchers"] = ['severity="critical"']
    up = [{"alertname": "A", "severity": "critical", "namespace": "gateway"}]
    heard = heard_of(tmp_path, told, config, up, 2)
    assert heard == {CLUSTER: ["FIRING A (critical)"], "slack:#exchange-alerts": ["FIRING A (critical)"]}


def test_every_system_is_told_of(prod: Recording) -> None:
    """A new one says who hears its alerts, or that it has none."""
    assert {*alerts_of(prod)} == {*TOLD}
    assert {*TOLD} | ELSEWHERE | NOBODY == {*REGISTRY}


def test_who_has_no_alerts_has_no_rules() -> None:
    """Neither files of rules nor a Prometheus of its own; who has those is tried by a file of its name."""
    having = {path.relative_to(DEPLOY).parts[0] for path in DEPLOY.rglob("*") if ALERTS_FILE.search(path.name)}
    assert having & NOBODY == set()
    assert having <= {*TOLD} | ELSEWHERE
    for system in ELSEWHERE:
        assert (Path(__file__).parent / f"test_{system}.py").exists(), system


def test_the_record_is_of_what_prod_renders(prod: Recording) -> None:
    assert RECORD.read_text().startswith(mark(question(objects_of(prod)))), "run `python -m tests.alerts.routes`"


@pytest.mark.judges
def test_the_record_is_what_the_operators_own_code_makes(prod: Recording) -> None:
    asked = question(objects_of(prod))
    assert RECORD.read_text() == mark(asked) + merged(asked), "run `python -m tests.alerts.routes`"
