"""The lab's alerts on the real promtool: each fires when it should, and stays quiet next to it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from infra.systems.gateway_lab.observability import alert_groups
from tests.tools import required_command

ALERTS = {rule["alert"]: rule for group in alert_groups() for rule in group["rules"]}
REQUESTS = (
    'istio_requests_total{reporter="source",destination_service_namespace="gateway-lab",destination_service_name='
)
ORDERS, V1, V2 = f'{REQUESTS}"order-service"', f'{REQUESTS}"user-service"', f'{REQUESTS}"user-service-v2"'
PODS = 'kube_deployment_status_replicas_available{namespace="gateway-lab",deployment="order-service"}'
READY = 'kube_pod_status_ready{condition="true",namespace="gateway-lab",'
STORE = 'kube_statefulset_status_replicas_ready{namespace="gateway-lab",statefulset="redis-lab"}'


@dataclass(frozen=True, kw_only=True)
class Case:
    """`series`, one sample a minute, and the labels of the alert that is up at `minute`; None for none."""

    sentence: str
    alert: str
    series: Mapping[str, str]
    minute: int
    fires: Mapping[str, str] | None = None


CASES = [
    Case(sentence="a service without a pod", alert="LabServiceDown", series={PODS: "0x10"}, minute=2,
         fires={"deployment": "order-service"}),
    Case(sentence="the user service without a pod, beside its second release", alert="LabServiceDown", minute=2,
         series={READY + 'pod="user-service-5d9f8c7b6d-a1b2c"}': "0x10", READY + 'pod="user-service-v2-5d9f8c7b6d-a1b2c"}': "1x10"},
         fires={"deployment": "user-service"}),
    Case(sentence="the user service with a pod of a new release alone", alert="LabServiceDown", minute=2,
         series={READY + 'pod="user-service-5d9f8c7b6d-a1b2c"}': "0x10", READY + 'pod="user-service-7c9d8b6f5-x9y8z"}': "1x10"}),
    Case(sentence="nothing known of pods", alert="LabServiceDown", series={"up": "1x10"}, minute=2),
    Case(sentence="one of two pods", alert="LabServiceDown", series={PODS: "1x10"}, minute=2),
    Case(sentence="one answer in ten is an error", alert="LabServerErrors", minute=15,
         series={ORDERS + ',response_code="200"}': "0+90x20", ORDERS + ',response_code="503"}': "0+10x20"},
         fires={"destination_service_name": "order-service"}),
    Case(sentence="one answer in a hundred is", alert="LabServerErrors", minute=15,
         series={ORDERS + ',response_code="200"}': "0+99x20", ORDERS + ',response_code="503"}': "0+1x20"}),
    Case(sentence="clients that err", alert="LabServerErrors", minute=15,
         series={ORDERS + ',response_code="200"}': "0+50x20", ORDERS + ',response_code="429"}': "0+50x20"}),
    Case(sentence="the canary fails, the old release does not", alert="LabCanaryWorse", minute=15, fires={},
         series={V2 + ',response_code="200"}': "0+18x20", V2 + ',response_code="500"}': "0+2x20",
                 V1 + ',response_code="200"}': "0+80x20"}),
    Case(sentence="both fail alike", alert="LabCanaryWorse", minute=15,
         series={V2 + ',response_code="200"}': "0+18x20", V2 + ',response_code="500"}': "0+2x20",
                 V1 + ',response_code="200"}': "0+72x20", V1 + ',response_code="500"}': "0+8x20"}),
    Case(sentence="API keys are tried, two a second", alert="LabCredentialsRefused", minute=15,
         series={ORDERS + ',response_code="200"}': "0+600x20", ORDERS + ',response_code="401"}': "0+120x20"},
         fires={"destination_service_name": "order-service"}),
    Case(sentence="a client whose key is over asks every other second", alert="LabCredentialsRefused", minute=15,
         series={ORDERS + ',response_code="200"}': "0+600x20", ORDERS + ',response_code="401"}': "0+30x20"}),
    Case(sentence="a burst that was over within two minutes", alert="LabCredentialsRefused", minute=15,
         series={ORDERS + ',response_code="401"}': "0+0x4 600 600+0x16"}),
    Case(sentence="many who may not, though known", alert="LabCredentialsRefused", minute=15,
         series={ORDERS + ',response_code="403"}': "0+600x20", ORDERS + ',response_code="429"}': "0+600x20"}),
    Case(sentence="a store without a ready pod", alert="LabDataStoreDown", series={STORE: "0x10"}, minute=3,
         fires={"statefulset": "redis-lab"}),
    Case(sentence="a store that is ready", alert="LabDataStoreDown", series={STORE: "1x10"}, minute=3),
]  # fmt: skip


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    assert {case.alert for case in CASES if case.fires is not None} == set(ALERTS)
    assert {case.alert for case in CASES if case.fires is None} == set(ALERTS)


@pytest.mark.verify
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_an_alert_fires_when_it_should_and_stays_quiet_next_to_it(case: Case, tmp_path: Path) -> None:
    bare = [
        {**group, "rules": [{k: v for k, v in rule.items() if k != "annotations"} for rule in group["rules"]]}
        for group in alert_groups()
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": bare}, width=1000))
    labels = {"severity": ALERTS[case.alert]["labels"]["severity"], "namespace": "gateway-lab"}
    expected = [] if case.fires is None else [{"exp_labels": {**labels, **case.fires}}]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": text} for name, text in case.series.items()],
        "alert_rule_test": [{"eval_time": f"{case.minute}m", "alertname": case.alert, "exp_alerts": expected}],
    }
    (tmp_path / "test.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}, width=1000)
    )
    command: list[str | Path] = [required_command("promtool"), "test", "rules", tmp_path / "test.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
