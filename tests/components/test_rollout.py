"""A workload whose releases come step by step, as plain data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.components.cluster.rollout import (
    CANARY,
    STABLE,
    Gradually,
    Judged,
    analysis_body,
    progress_seconds,
    strategy,
)
from infra.components.mesh.measures import answered, failed, failed_at_the_gateway, slow

JUDGED = Judged(
    prometheus="http://prometheus:9090",
    measures=[
        failed("api", "shop", "60s", 0.02),
        slow("api", "shop", "60s", 0.05, 500),
        failed_at_the_gateway("api", "shop", "gateway", "60s", 0.02),
    ],
    requests=answered("api", "shop", "60s"),
    least_requests=20,
    settle_seconds=60,
    every_seconds=10,
    measurements=4,
)
STEPS = Gradually(virtual_service="shop-vs", routes=["reads", "writes"], weights=[10, 50], judged=JUDGED)


def metrics() -> dict[str, Any]:
    return {one["name"]: one for one in analysis_body(JUDGED)["spec"]["metrics"]}


def test_every_weight_is_followed_by_a_verdict_of_the_new_release() -> None:
    steps = strategy("api", STEPS)["canary"]["steps"]
    assert [one.get("setWeight") for one in steps] == [10, None, 50, None]
    assert all(one["analysis"]["templates"] == [{"templateName": "api"}] for one in steps[1::2])
    assert steps[1]["analysis"]["args"] == [{"name": "canary", "valueFrom": {"podTemplateHashValue": "Latest"}}]


def test_traffic_is_shifted_in_the_routes_between_the_subsets() -> None:
    routing = strategy("api", STEPS)["canary"]["trafficRouting"]["istio"]
    assert routing["virtualService"] == {"name": "shop-vs", "routes": ["reads", "writes"]}
    assert routing["destinationRule"] == {"name": "api", "stableSubsetName": STABLE, "canarySubsetName": CANARY}


def test_what_is_beside_it_is_left_alone() -> None:
    rule = strategy("api", replace(STEPS, beside=["v2"]))["canary"]["trafficRouting"]["istio"]["destinationRule"]
    assert rule["additionalSubsetNames"] == ["v2"]


def test_a_verdict_is_not_taken_for_a_release_that_makes_no_progress() -> None:
    assert JUDGED.seconds == 90
    assert progress_seconds(STEPS) > JUDGED.seconds


@pytest.mark.parametrize("name", ["errors", "latency", "gateway"])
def test_what_is_not_measured_is_neither_good_nor_bad(name: str) -> None:
    """Nothing (`len(result)` is 0) fulfils neither condition, and so is inconclusive; NaN too, which no comparison takes."""
    metric = metrics()[name]
    for condition in ("successCondition", "failureCondition"):
        assert metric[condition].startswith("len(result) == 1 && result[0] ")
    assert (metric["failureLimit"], metric["inconclusiveLimit"]) == (0, 0)


def test_too_few_requests_decide_nothing() -> None:
    metric = metrics()["requests"]
    assert metric["successCondition"] == "len(result) == 1 && result[0] >= 20"
    assert metric["failureCondition"] == "false"


def test_a_release_is_counted_by_its_own_pods() -> None:
    for name in ("requests", "errors", "latency"):
        query = metrics()[name]["provider"]["prometheus"]["query"]
        assert 'pod=~"api-{{args.canary}}-.+"' in query
        assert 'reporter="destination",namespace="shop"' in query


def test_what_never_reached_a_pod_is_counted_by_the_gateway() -> None:
    query = metrics()["gateway"]["provider"]["prometheus"]["query"]
    assert 'reporter="source",source_workload="gateway"' in query
    assert 'destination_service_name="api"' in query


@pytest.mark.parametrize("weights", [[], [10, 10], [50, 10], [0, 10]])
def test_steps_grow(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="allowed: each more than the one before"):
        replace(STEPS, weights=weights)


def test_a_release_without_routes_is_refused() -> None:
    with pytest.raises(ValueError, match="names the routes"):
        replace(STEPS, routes=[])
