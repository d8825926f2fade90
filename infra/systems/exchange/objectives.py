"""The SLO table as Prometheus' rules (svc-gateway.md: 운영 SLO): what is bad, over which windows, and when too much of it is.

Windows and factors are those of the Site Reliability Workbook, "Alerting on SLOs" (6: multiwindow, multi-burn-rate), for a budget
of 30 days: a page once 2 % of it went in an hour or 5 % in six, a ticket once 10 % went in a day or in three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.systems.exchange.document import LATENCY_MS, NAMESPACE, OBJECTIVES, SERVICES, Objective

Rule = dict[str, Any]

ASKED = f'reporter="source",source_workload="ingress-gateway",destination_service_namespace="{NAMESPACE}"'
"""Requests as the gateway counts them: also those that it answered itself, of whose route it knew the service."""

REFUSED = "401|403|429"
LEAST_RATE = 0.1
"""Requests per second, over an hour: below, a single one that fails would be a burning budget."""

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
INTERVAL = "30s"


@dataclass(frozen=True, kw_only=True)
class Burn:
    """So many times as fast as the budget lasts, over the long window, and still over the short one."""

    factor: float
    long: str
    short: str


@dataclass(frozen=True, kw_only=True)
class Severity:
    """Who is told, of which burns, and how long it must last."""

    name: str
    burns: Sequence[Burn]
    lasting: str


SEVERITIES = (
    Severity(
        name="critical",
        burns=(Burn(factor=14.4, long="1h", short="5m"), Burn(factor=6, long="6h", short="30m")),
        lasting="2m",
    ),
    Severity(
        name="warning",
        burns=(Burn(factor=3, long="1d", short="2h"), Burn(factor=1, long="3d", short="6h")),
        lasting="15m",
    ),
)


def groups(runbooks: str) -> Sequence[Mapping[str, Any]]:
    """The rule groups; `runbooks` is the URL of the folder that the alerts' links lead into."""
    return [
        {"name": "exchange-slo-up", "interval": INTERVAL, "rules": [_standing()]},
        *({"name": f"exchange-slo-{window}", "interval": INTERVAL, "rules": _recorded(window)} for window in WINDOWS),
        {
            "name": "exchange-slo-alerts",
            "rules": [_alert(one, each, runbooks) for one in OBJECTIVES for each in SEVERITIES],
        },
    ]


def ratio(slo: str, window: str) -> str:
    """The recorded share of what was bad."""
    return f'exchange:slo_bad:ratio_rate{window}{{slo="{slo}"}}'


def _count(window: str, more: str = "") -> str:
    return f"sum(rate(istio_requests_total{{{ASKED}{more}}}[{window}]))"


def _share(window: str, bad: str, of: str = "") -> str:
    """Bad ones of all that were counted; nothing while nothing is."""
    return f"({_count(window, bad)} or vector(0)) / ({_count(window, of)} > 0)"


def bad(slo: str, window: str) -> str:
    """The query behind a row of the table: the share of what was bad in the window."""
    answered = f',response_code!~"{REFUSED}|5..|0"'
    quick = (
        # Prometheus 3 writes the bound as a float, 2 as it is exposed.
        f'sum(rate(istio_request_duration_milliseconds_bucket{{{ASKED}{answered},le=~"{LATENCY_MS}([.]0)?"}}[{window}]))'
    )
    timed = f"sum(rate(istio_request_duration_milliseconds_count{{{ASKED}{answered}}}[{window}]))"
    return {
        "latency": f"1 - ({quick} / ({timed} > 0))",
        "errors": _share(window, ',response_code=~"5.."'),
        "availability": f"1 - avg_over_time(exchange:up[{window}])",
        "jwt": _share(window, ',response_code="401"'),
        "limited": _share(window, ',response_code="429"'),
    }[slo]


def standing() -> str:
    """1 while the gateway and each service have a pod that is ready, and not more than half of the answers are server errors."""
    names = "|".join(one.name for one in SERVICES)
    metric = "kube_pod_status_ready"
    # By pods: a service's are of a Rollout, of which kube-state-metrics knows nothing.
    pods = (
        f'({metric}{{condition="true",namespace="istio-system",pod=~"ingress-gateway-.+"}}'
        f' or {metric}{{condition="true",namespace="{NAMESPACE}",pod=~"({names})-.+"}}) == 1'
    )
    workloads = f'count by (workload) (label_replace({pods}, "workload", "$1", "pod", "(ingress-gateway|{names})-.+"))'
    ready = f"(count({workloads}) or 0 * count({metric})) == bool {len(SERVICES) + 1}"
    failing = f"({bad('errors', '2m')}) > bool 0.5 or vector(0)"
    return f"({ready}) * (1 - ({failing}))"


def _standing() -> Rule:
    return {"record": "exchange:up", "expr": standing()}


def _recorded(window: str) -> list[Rule]:
    total = {"record": f"exchange:requests:rate{window}", "expr": _count(window)}
    return [
        total,
        *(
            {
                "record": f"exchange:slo_bad:ratio_rate{window}",
                "expr": bad(one.slo, window),
                "labels": {"slo": one.slo},
            }
            for one in OBJECTIVES
        ),
    ]


def _alert(objective: Objective, severity: Severity, runbooks: str) -> Rule:
    words = f"{objective.row} {objective.target}"
    return {
        "alert": f"Exchange{objective.slo.capitalize()}Budget{'Fast' if severity.name == 'critical' else 'Slow'}",
        "expr": " or ".join(_burning(objective, burn) for burn in severity.burns),
        "for": severity.lasting,
        "labels": {"severity": severity.name, "namespace": NAMESPACE},
        "annotations": {
            "summary": f"The exchange's budget for '{words}' burns {'in hours' if severity.name == 'critical' else 'in days'}",
            "description": "{{ $value | humanizePercentage }} of what is counted was bad over the longer window; "
            f"{objective.budget:.2%} may be, over 30 days.",
            "runbook_url": f"{runbooks}/exchange-slo.md#{objective.slo}",
        },
    }


def _burning(objective: Objective, burn: Burn) -> str:
    limit = burn.factor * objective.budget
    if limit >= 1:
        raise ValueError(
            f"{objective.slo}: {burn.factor} times its budget is more than everything, and would never fire"
        )
    over = [f"{ratio(objective.slo, window)} > {limit:.6g}" for window in (burn.long, burn.short)]
    if objective.slo != "availability":
        over.append(f"on() exchange:requests:rate1h > {LEAST_RATE}")
    return f"({' and '.join(over)})"
