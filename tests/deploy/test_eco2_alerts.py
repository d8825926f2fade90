"""eco2's alerts on the real promtool: each fires when it should, and stays quiet next to it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.components.alertmanager import WATCHDOG
from infra.systems.eco2.observability import alert_groups
from tests.stacks import ROOT
from tests.systems.eco2_objects import context
from tests.tools import required_command

FOLDER = ROOT / "deploy/eco2/observability"
GROUPS = alert_groups(context())
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
DAY = 86400


@dataclass(frozen=True, kw_only=True)
class Case:
    """`series`, one sample a minute, and the alerts that are up at `minute`, each with the labels that tell it apart."""

    sentence: str
    alert: str
    series: Mapping[str, str]
    minute: int
    fires: Sequence[Mapping[str, str]] = field(default=())


REQUESTS = (
    'istio_requests_total{reporter="source",source_workload="ingress-gateway",destination_service_name="scan-api"'
)
AVAILABLE = "kube_deployment_status_replicas_available"
READY = 'kube_node_status_condition{condition="Ready",status="true",node="k8s-redis"}'
CHECKS = "ext_authz_check_duration_seconds_bucket"
UNDELIVERED = 'alertmanager_notifications_failed_total{integration="slack",reason="clientError"}'
SNAPSHOT = "eco2_etcd_snapshot_last_success_timestamp_seconds"
VOLUME = '{namespace="postgres",persistentvolumeclaim="data-postgresql-0"}'
SCAN = {"namespace": "scan", "deployment": "scan-api"}

KEYS = 'kube_node_annotations{{node="{}",annotation_projectcalico_org_wireguard_public_key="{}"}}'

CASES = (
    Case(sentence="whatever else is or is not", alert="Watchdog", minute=1, series={}, fires=[{}]),
    Case(
        sentence="an API without a pod for two minutes", alert="ApiDown", minute=4,
        series={AVAILABLE + '{namespace="scan",deployment="scan-api"}': "1 0x10"}, fires=[SCAN],
    ),
    Case(
        sentence="an API without a pod for one minute", alert="ApiDown", minute=2,
        series={AVAILABLE + '{namespace="scan",deployment="scan-api"}': "1 0x10"},
    ),
    Case(
        sentence="the gateway without a pod", alert="ApiDown", minute=4,
        series={AVAILABLE + '{namespace="istio-system",deployment="ingress-gateway"}': "0x10"},
        fires=[{"namespace": "istio-system", "deployment": "ingress-gateway"}],
    ),
    Case(
        sentence="a deployment elsewhere without a pod", alert="ApiDown", minute=4,
        series={AVAILABLE + '{namespace="grafana",deployment="grafana"}': "0x10"},
    ),
    Case(
        sentence="one answer in ten is a server error", alert="EdgeServerErrors", minute=15,
        series={REQUESTS + ',response_code="200"}': "0+90x20", REQUESTS + ',response_code="503"}': "0+10x20"},
        fires=[{"destination_service_name": "scan-api"}],
    ),
    Case(
        sentence="one answer in a hundred is a server error", alert="EdgeServerErrors", minute=15,
        series={REQUESTS + ',response_code="200"}': "0+99x20", REQUESTS + ',response_code="503"}': "0+1x20"},
    ),
    Case(
        sentence="one answer in ten is a client error", alert="EdgeServerErrors", minute=15,
        series={REQUESTS + ',response_code="200"}': "0+90x20", REQUESTS + ',response_code="403"}': "0+10x20"},
    ),
    Case(
        sentence="a single request, a server error", alert="EdgeServerErrors", minute=15,
        series={REQUESTS + ',response_code="503"}': "0 1x20"},
    ),
    Case(
        sentence="the blacklist does not answer", alert="ExtAuthzUnsure", minute=6,
        series={'ext_authz_decisions_total{result="error",reason="blacklist_unavailable"}': "0+5x10"},
        fires=[{"reason": "blacklist_unavailable"}],
    ),
    Case(
        sentence="ext-authz is sure", alert="ExtAuthzUnsure", minute=6,
        series={
            'ext_authz_decisions_total{result="error",reason="blacklist_unavailable"}': "0x10",
            'ext_authz_decisions_total{result="denied",reason="revoked"}': "0+50x10",
        },
    ),
    Case(
        sentence="ten times the denials", alert="ExtAuthzDenialSurge", minute=92,
        series={'ext_authz_decisions_total{result="denied",reason="expired"}': "0+30x80 2700+300x20"}, fires=[{}],
    ),
    Case(
        sentence="as many denials as ever", alert="ExtAuthzDenialSurge", minute=92,
        series={'ext_authz_decisions_total{result="denied",reason="expired"}': "0+300x100"},
    ),
    Case(
        sentence="ten times almost no denials", alert="ExtAuthzDenialSurge", minute=92,
        series={'ext_authz_decisions_total{result="denied",reason="expired"}': "0+1x80 90+10x20"},
    ),
    Case(
        sentence="checks near the limit", alert="ExtAuthzSlow", minute=15,
        series={CHECKS + '{le="0.2"}': "0+90x20", CHECKS + '{le="0.25"}': "0+100x20", CHECKS + '{le="+Inf"}': "0+100x20"},
        fires=[{}],
    ),
    Case(
        sentence="quick checks", alert="ExtAuthzSlow", minute=15,
        series={CHECKS + '{le="0.01"}': "0+100x20", CHECKS + '{le="0.2"}': "0+100x20", CHECKS + '{le="+Inf"}': "0+100x20"},
    ),
    Case(
        sentence="ext-authz without a key", alert="ExtAuthzNotReady", minute=3,
        series={'ext_authz_ready{pod="a"}': "0x10", 'ext_authz_ready{pod="b"}': "1x10"}, fires=[{}],
    ),
    Case(
        sentence="ext-authz with all that it needs", alert="ExtAuthzNotReady", minute=3,
        series={'ext_authz_ready{pod="a"}': "1x10"},
    ),
    Case(
        sentence="one message that a receiver refused", alert="AlertUndelivered", minute=15,
        series={UNDELIVERED: "0x5 1x20"}, fires=[{"integration": "slack"}],
    ),
    Case(
        sentence="nothing was refused for a while", alert="AlertUndelivered", minute=30, series={UNDELIVERED: "0x5 1x40"},
    ),
    Case(
        sentence="Redis without a ready pod", alert="DataStoreDown", minute=3,
        series={
            'kube_statefulset_status_replicas_ready{namespace="redis",statefulset="redis"}': "0x10",
            'kube_statefulset_status_replicas_ready{namespace="postgres",statefulset="postgresql"}': "1x10",
        },
        fires=[{"namespace": "redis"}],
    ),
    Case(
        sentence="PostgreSQL without a ready pod", alert="DataStoreDown", minute=3,
        series={'kube_statefulset_status_replicas_ready{namespace="postgres",statefulset="postgresql"}': "0x10"},
        fires=[{"namespace": "postgres"}],
    ),
    Case(
        sentence="a node that is not ready", alert="NodeNotReady", minute=7,
        series={READY: "1 0x10"}, fires=[{"node": "k8s-redis", "condition": "Ready", "status": "true"}],
    ),
    Case(sentence="a node that restarts", alert="NodeNotReady", minute=7, series={READY: "1 0x3 1x10"}),
    Case(
        sentence="thirteen of the fourteen nodes", alert="NodeMissing", minute=12,
        series={f'kube_node_info{{node="k8s-{number}"}}': "1x20" for number in range(13)}, fires=[{}],
    ),
    Case(
        sentence="thirteen nodes and one of the tenants'", alert="NodeMissing", minute=12,
        series={
            'kube_node_info{node="ip-10-2-0-9"}': "1x20",
            **{f'kube_node_info{{node="k8s-{number}"}}': "1x20" for number in range(13)},
        },
        fires=[{}],
    ),
    Case(
        sentence="all fourteen nodes", alert="NodeMissing", minute=12,
        series={f'kube_node_info{{node="k8s-{number}"}}': "1x20" for number in range(14)},
    ),
    Case(
        sentence="a node without a key of WireGuard", alert="NodeInTheClear", minute=20,
        series={
            'kube_node_info{node="k8s-redis"}': "1x30", 'kube_node_info{node="k8s-celery"}': "1x30",
            KEYS.format("k8s-redis", "bm9uZQ=="): "1x30", 'kube_node_annotations{node="k8s-celery"}': "1x30",
        },
        fires=[{"node": "k8s-celery"}],
    ),
    Case(
        sentence="every node has a key", alert="NodeInTheClear", minute=20,
        series={'kube_node_info{node="k8s-redis"}': "1x30", KEYS.format("k8s-redis", "bm9uZQ=="): "1x30"},
    ),
    Case(
        sentence="a certificate with six days left", alert="CertificateExpiresSoon", minute=65,
        series={'certmanager_certificate_expiration_timestamp_seconds{name="webhook"}': f"{6 * DAY}x100"},
        fires=[{"name": "webhook"}],
    ),
    Case(
        sentence="a certificate with eight days left", alert="CertificateExpiresSoon", minute=65,
        series={'certmanager_certificate_expiration_timestamp_seconds{name="webhook"}': f"{8 * DAY}x100"},
    ),
    Case(
        sentence="the mesh's root with 29 days left", alert="MeshRootExpiresSoon", minute=65,
        series={"citadel_server_root_cert_expiry_timestamp": f"{29 * DAY}x100"}, fires=[{}],
    ),
    Case(
        sentence="the mesh's root with 40 days left", alert="MeshRootExpiresSoon", minute=65,
        series={"citadel_server_root_cert_expiry_timestamp": f"{40 * DAY}x100"},
    ),
    Case(
        sentence="the last snapshot is from the beginning", alert="EtcdSnapshotTooOld", minute=160,
        series={SNAPSHOT: "0x300"}, fires=[{}],
    ),
    Case(sentence="one snapshot was missed", alert="EtcdSnapshotTooOld", minute=125, series={SNAPSHOT: "0x300"}),
    Case(sentence="there is no snapshot at all", alert="EtcdSnapshotTooOld", minute=20, series={"up": "1x30"}, fires=[{}]),
    Case(
        sentence="a volume with a tenth left", alert="VolumeFilling", minute=12,
        series={f"kubelet_volume_stats_available_bytes{VOLUME}": "10x20", f"kubelet_volume_stats_capacity_bytes{VOLUME}": "100x20"},
        fires=[{"namespace": "postgres", "persistentvolumeclaim": "data-postgresql-0"}],
    ),
    Case(
        sentence="a volume that is half full", alert="VolumeFilling", minute=12,
        series={f"kubelet_volume_stats_available_bytes{VOLUME}": "50x20", f"kubelet_volume_stats_capacity_bytes{VOLUME}": "100x20"},
    ),
    Case(
        sentence="the cluster's state is not scraped", alert="ScrapingStopped", minute=7,
        series={'up{job="kube-state-metrics"}': "1 0x20"}, fires=[{}],
    ),
    Case(
        sentence="the cluster's state is scraped", alert="ScrapingStopped", minute=7,
        series={'up{job="kube-state-metrics"}': "1x20"},
    ),
)  # fmt: skip


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    assert {case.alert for case in CASES if case.fires} == set(ALERTS)


def test_the_topics_of_the_issue_have_alerts() -> None:
    assert len(ALERTS) == 17
    assert {rule["labels"]["severity"] for rule in ALERTS.values()} == {"critical", "warning", "none"}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_is_wrong_and_where_to_look(alert: str) -> None:
    annotations = ALERTS[alert]["annotations"]
    assert annotations["summary"]
    assert len(annotations["description"]) > 40
    assert ("for" in ALERTS[alert]) == (alert != WATCHDOG)


def test_the_metrics_of_ext_authz_are_those_that_it_exports() -> None:
    source = (ROOT / "services/ext-authz/internal/metrics/metrics.go").read_text()
    exported = set(re.findall(r'Name: "(\w+)"', source))
    text = "".join(path.read_text() for path in FOLDER.rglob("*.*"))
    used = {name.removesuffix("_bucket") for name in re.findall(r"\bext_authz_\w+", text)}
    assert used
    assert used <= exported


def test_dashboards_ask_the_datasource_that_is_provisioned() -> None:
    (path,) = (FOLDER / "dashboards").glob("*.json")
    board = json.loads(path.read_text())
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"prometheus"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) == 8


def promtool(*arguments: str | Path) -> tuple[int, str]:
    """Its status, and what it says: files on one stream, failures on the other."""
    command = [required_command("promtool"), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PrometheusRule's spec as a plain file: what the operator makes of it."""
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": list(GROUPS)}, width=1000))
    return path


def expected(case: Case) -> list[dict[str, Any]]:
    severity = ALERTS[case.alert]["labels"]["severity"]
    return [{"exp_labels": {"severity": severity, **labels}} for labels in case.fires]


@pytest.mark.verify
def test_promtool_accepts_the_rules(rules: Path) -> None:
    status, said = promtool("check", "rules", rules)
    assert status == 0, said


def unit_test(case: Case) -> dict[str, Any]:
    """promtool's words for a case. It compares annotations too: neither this nor the rules that it is given have any."""
    asked = {"eval_time": f"{case.minute}m", "alertname": case.alert, "exp_alerts": expected(case)}
    series = [{"series": name, "values": text} for name, text in case.series.items()]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [asked]}
    return {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}


def without_annotations(group: Mapping[str, Any]) -> dict[str, Any]:
    bare = [{key: value for key, value in rule.items() if key != "annotations"} for rule in group["rules"]]
    return {**group, "rules": bare}


NAMES = [f"{one.alert}: {one.sentence}" for one in CASES]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What promtool says of each case, all tried in one go."""
    folder = tmp_path_factory.mktemp("alerts")
    rules = {"groups": [without_annotations(group) for group in GROUPS]}
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules, width=1000))
    files = [folder / f"{number}.yaml" for number in range(len(CASES))]
    for file, case in zip(files, CASES, strict=True):
        file.write_text(yaml.safe_dump(unit_test(case), width=1000))
    _, text = promtool("test", "rules", *files)
    told = {file: outcome for file, _, outcome in (part.partition("\n") for part in text.split("Unit Testing:  ")[1:])}
    return {name: told[str(file)] for name, file in zip(NAMES, files, strict=True)}


@pytest.mark.verify
@pytest.mark.parametrize("name", NAMES)
def test_an_alert_fires_when_it_should(said: Mapping[str, str], name: str) -> None:
    if said[name].strip() != "SUCCESS":
        pytest.fail(said[name], pytrace=False)
