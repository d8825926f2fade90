"""The exchange's alerts on the real promtool: for each row of the SLO table what pages, what is a ticket, and what is neither."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.systems.exchange.document import OBJECTIVES, SERVICES
from infra.systems.exchange.objectives import groups
from infra.systems.exchange.observability import dashboards
from tests.tools import required_command

GROUPS = groups("https://example.com/runbooks")
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}
SEEN = 'reporter="source",source_workload="ingress-gateway",destination_service_namespace="gateway"'
PODS = "kube_pod_status_ready"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`series`, a sample each `step` minutes; at `minute` exactly `up` is up."""

    sentence: str
    series: Mapping[str, str]
    minute: int
    up: Sequence[str] = ()
    step: int = 1


def requests(code: int, text: str) -> dict[str, str]:
    return {f'istio_requests_total{{{SEEN},response_code="{code}"}}': text}


def mixed(bad: int, of: int, code: int, steps: int) -> dict[str, str]:
    """So many answers of a code, of so many in each step."""
    return {**requests(200, f"0+{of - bad}x{steps}"), **requests(code, f"0+{bad}x{steps}")}


def timed(slow: int, of: int, steps: int, le: str = "500") -> dict[str, str]:
    name = "istio_request_duration_milliseconds"
    labels = f'{SEEN},response_code="200"'
    return {
        **requests(200, f"0+{of}x{steps}"),
        f'{name}_bucket{{{labels},le="{le}"}}': f"0+{of - slow}x{steps}",
        f'{name}_bucket{{{labels},le="+Inf"}}': f"0+{of}x{steps}",
        f"{name}_count{{{labels}}}": f"0+{of}x{steps}",
    }


def pods(**ready: str) -> dict[str, str]:
    """Whether the pods of each workload are ready, of whom nothing else is said: two of a service, one of the gateway."""
    given = {name.replace("_", "-"): text for name, text in ready.items()}
    homes = {"ingress-gateway": "istio-system", **{one.name: "gateway" for one in SERVICES}}
    found = {}
    for name, home in homes.items():
        for number in ("1",) if home == "istio-system" else ("1", "2"):
            pod = f'namespace="{home}",pod="{name}-5d9f8c7b6d-{number}"'
            found[f'{PODS}{{condition="true",{pod}}}'] = given.get(name, "1x3000")
            found[f'{PODS}{{condition="false",{pod}}}'] = "0x3000"
    return found


HOUR, DAY = 75, 26 * 60
FAST, SLOW = "Exchange{}BudgetFast", "Exchange{}BudgetSlow"

CASES = (
    # Pages: of 1,000 requests a minute, more than the budget times 14.4, for an hour.
    Case(sentence="three quarters are slow", series=timed(750, 1000, HOUR), minute=HOUR,
         up=["ExchangeLatencyBudgetFast"]),
    Case(sentence="three quarters are slow, as Prometheus 3 writes bounds", series=timed(750, 1000, HOUR, "500.0"),
         minute=HOUR, up=["ExchangeLatencyBudgetFast"]),
    Case(sentence="three in ten are 503", series=mixed(300, 1000, 503, HOUR), minute=HOUR,
         up=["ExchangeErrorsBudgetFast"]),
    Case(sentence="a service had no pod for half a minute", series=pods(svc_wallet="1x70 0 1x10"), minute=HOUR,
         up=["ExchangeAvailabilityBudgetFast"]),
    Case(sentence="the gateway had no pod for half a minute", series=pods(ingress_gateway="1x70 0 1x10"), minute=HOUR,
         up=["ExchangeAvailabilityBudgetFast"]),
    Case(sentence="two in a hundred are 401", series=mixed(20, 1000, 401, HOUR), minute=HOUR,
         up=["ExchangeJwtBudgetFast"]),
    Case(sentence="half are 429", series=mixed(500, 1000, 429, HOUR), minute=HOUR, up=["ExchangeLimitedBudgetFast"]),
    # Tickets: more than three times the budget for a day, and less than what pages.
    Case(sentence="a fifth is slow", series=timed(1000, 5000, 320), minute=DAY, step=5,
         up=["ExchangeLatencyBudgetSlow"]),
    Case(sentence="eight in a hundred are 500", series=mixed(400, 5000, 500, 320), minute=DAY, step=5,
         up=["ExchangeErrorsBudgetSlow"]),
    Case(sentence="one in 250 is 401", series=mixed(20, 5000, 401, 320), minute=DAY, step=5,
         up=["ExchangeJwtBudgetSlow"]),
    Case(sentence="a tenth is 429", series=mixed(500, 5000, 429, 320), minute=DAY, step=5,
         up=["ExchangeLimitedBudgetSlow"]),
    Case(sentence="a service was away for an hour, but not in the last half hour", minute=DAY, step=5,
         series=pods(svc_wallet="1x286 0x12 1x20"), up=["ExchangeAvailabilityBudgetSlow"]),
    # Neither: within the budget.
    Case(sentence="four in a hundred are slow", series=timed(40, 1000, HOUR), minute=HOUR),
    Case(sentence="one in a hundred is 503", series=mixed(10, 1000, 503, HOUR), minute=HOUR),
    Case(sentence="every service has a pod, one of two", minute=HOUR,
         series={**pods(), f'{PODS}{{condition="true",namespace="gateway",pod="svc-wallet-5d9f8c7b6d-2"}}': "1x40 0x60"}),
    Case(sentence="one in two thousand is 401", series=mixed(1, 2000, 401, HOUR), minute=HOUR),
    Case(sentence="two in a hundred are 429", series=mixed(20, 1000, 429, HOUR), minute=HOUR),
    Case(sentence="403 is no failure of a token", series=mixed(500, 1000, 403, HOUR), minute=HOUR),
    # Over, and over with it: no page, for nothing is to be done at once.
    Case(sentence="errors that ended forty minutes ago", minute=HOUR + 40, up=["ExchangeErrorsBudgetSlow"],
         series={**requests(200, "0+700x115"), **requests(503, "0+300x75 22500x40")}),
    Case(sentence="a single request, and it failed", series=requests(503, "0 1x80"), minute=HOUR),
    Case(sentence="nobody asks", series=pods(), minute=HOUR),
    Case(sentence="most answers are errors while every pod is ready", minute=HOUR,
         series={**pods(), **requests(200, "0+10x80"), **requests(503, "0+90x80")},
         up=["ExchangeErrorsBudgetFast", "ExchangeAvailabilityBudgetFast"]),
)  # fmt: skip


def test_every_alert_has_a_case_in_which_it_is_up_and_one_in_which_it_is_not() -> None:
    for alert in ALERTS:
        assert [case for case in CASES if alert in case.up], alert
        assert [case for case in CASES if alert not in case.up], alert
    assert len(ALERTS) == 2 * len(OBJECTIVES)


def promtool(*arguments: str | Path) -> tuple[int, str]:
    command = [required_command("promtool"), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def looked_at(case: Case) -> list[dict[str, Any]]:
    """Every alert, whether it is up or not; a slow one that a fast one brings with it is not asked about."""
    fast = {alert for alert in case.up if alert.endswith("Fast")}
    brought = {alert.replace("Fast", "Slow") for alert in fast}
    return [
        {
            "eval_time": f"{case.minute}m",
            "alertname": alert,
            "exp_alerts": [{"exp_labels": expected(alert)}] if alert in case.up else [],
        }
        for alert in ALERTS
        if alert not in brought
    ]


def expected(alert: str) -> dict[str, str]:
    labels: dict[str, str] = ALERTS[alert]["labels"]
    return {
        **labels,
        "slo": alert.removeprefix("Exchange").removesuffix("BudgetFast").removesuffix("BudgetSlow").lower(),
    }


def bare(group: Mapping[str, Any]) -> dict[str, Any]:
    """promtool compares annotations too: neither the cases nor the rules that it is given have any."""
    rules = [{key: value for key, value in rule.items() if key != "annotations"} for rule in group["rules"]]
    return {"name": group["name"], "rules": rules}


@pytest.mark.verify
def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": list(GROUPS)}, width=1000))
    status, said = promtool("check", "rules", rules)
    assert status == 0, said


@pytest.mark.verify
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_exactly_these_alerts_are_up(case: Case, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [bare(group) for group in GROUPS]}, width=1000))
    series = [{"series": name, "values": text} for name, text in case.series.items()]
    test = {"interval": f"{case.step}m", "input_series": series, "alert_rule_test": looked_at(case)}
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": f"{case.step}m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document, width=1000))
    status, said = promtool("test", "rules", tmp_path / "test.yaml")
    assert status == 0, said


@pytest.mark.verify
def test_the_dashboard_is_what_its_code_writes() -> None:
    from tools.dashboards import exchange

    assert f"{exchange()}\n" == dashboards()["exchange.json"], "run `make docs`"
