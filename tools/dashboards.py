"""The exchange's dashboard as code, with Grafana's own SDK: `make docs` writes the JSON that Grafana mounts.

Source: svc-gateway.md, Grafana Dashboard (지연시간과 Error-Rate를 시각화).
"""

from __future__ import annotations

from grafana_foundation_sdk.builders.common import ReduceDataOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as Series
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

from infra.systems.exchange.document import NAMESPACE, OBJECTIVES, Objective
from infra.systems.exchange.objectives import ASKED, ratio

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
RATE = "$__rate_interval"
_ALL = f"istio_requests_total{{{ASKED}}}"
_FAILED = f'istio_requests_total{{{ASKED},response_code=~"5.."}}'
_TIMES = f"istio_request_duration_milliseconds_bucket{{{ASKED}}}"
THIRD, HALF, HEIGHT = 8, 12, 8

BY_SERVICE = "sum by (destination_service_name)"
SERVICES: dict[str, tuple[str, str]] = {
    "Requests by service": ("reqps", f"{BY_SERVICE} (rate({_ALL}[{RATE}]))"),
    "Server errors by service": (
        "percentunit",
        f"{BY_SERVICE} (rate({_FAILED}[{RATE}])) / {BY_SERVICE} (rate({_ALL}[{RATE}]))",
    ),
    "P95 latency by service": (
        "ms",
        f"histogram_quantile(0.95, sum by (destination_service_name, le) (rate({_TIMES}[{RATE}])))",
    ),
    "Pods that are ready": (
        "short",
        f'sum by (pod) (kube_pod_status_ready{{condition="true",namespace="{NAMESPACE}"}})',
    ),
}
ANSWERS = f"sum by (response_code) (rate({_ALL}[{RATE}]))"


def exchange() -> str:
    """The dashboard's JSON: what is left of each budget, how fast it goes, and what the gateway sees of each service."""
    board = (
        Dashboard("exchange: front door")
        .uid("exchange-front-door")
        .tags(["exchange", "slo"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_row(Row("Budgets of 30 days, as they went over three days"))
    )
    for one in OBJECTIVES:
        board.with_panel(_left(one))
    board.with_row(Row("How fast they burn: 1 lasts 30 days"))
    for one in OBJECTIVES:
        board.with_panel(_burning(one))
    board.with_row(Row("What the gateway sees"))
    board.with_panel(_series("Answers by status", "reqps", ANSWERS, "{{response_code}}"))
    for title, (unit, query) in SERVICES.items():
        board.with_panel(_series(title, unit, query, "{{destination_service_name}}{{deployment}}"))
    return str(JSONEncoder(sort_keys=True, indent=2).encode(board.build()))


def _left(objective: Objective) -> Stat:
    """Green while the last three days were within the budget."""
    steps = [Threshold(color="red", value=None), Threshold(color="green", value=0.0)]
    return (
        Stat()
        .title(f"{objective.row} {objective.target}")
        .datasource(PROMETHEUS)
        .unit("percentunit")
        .decimals(1)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_query(f"1 - {ratio(objective.slo, '3d')} / {objective.budget:g}", "left"))
        .height(4)
        .span(4)
    )


def _burning(objective: Objective) -> Series:
    made = Series().title(f"{objective.row}: burn").datasource(PROMETHEUS).unit("short").height(HEIGHT).span(THIRD)
    for window in ("1h", "6h", "1d"):
        made.with_target(_query(f"{ratio(objective.slo, window)} / {objective.budget:g}", window))
    return made


def _series(title: str, unit: str, query: str, legend: str) -> Series:
    panel = Series().title(title).datasource(PROMETHEUS).unit(unit).height(HEIGHT).span(HALF)
    return panel.with_target(_query(query, legend).ref_id("all"))


def _query(expression: str, legend: str) -> Dataquery:
    return Dataquery().ref_id(legend).expr(expression).legend_format(legend).datasource(PROMETHEUS)


if __name__ == "__main__":
    print(exchange())
