"""A workload whose new release gets a share of the requests, is judged, and then gets more, or goes (docs/adr/0037).

Source: svc-gateway.md (실패 시 Rollback), api-gateway-lab.md (카나리 배포). The fields are Argo Rollouts' (`argoproj.io/v1alpha1`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.components.cluster.gitops import ARGO_API

Body = dict[str, Any]

ROLLOUT, ANALYSIS = f"{ARGO_API}/Rollout", f"{ARGO_API}/AnalysisTemplate"
STABLE, CANARY = "stable", "canary"
"""The subsets of the workload's DestinationRule; the controller writes into each which pods it has."""

HASH_LABEL = "rollouts-pod-template-hash"
"""The controller's own label of a release's pods, whose names have it too: `<workload>-<hash>-…`."""

HASH = "{{args.canary}}"
"""In a query: the new release's."""

ENOUGH_PERCENT = 50
"""So many of a release's pods are enough to go on with, and to go back to: the controller's default, all of them, would leave
a bad release its requests for as long as a pod of the old one is away."""

READY_SECONDS = 300
"""How long a new release's pods may take until they are ready, beside the time in which they are judged."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A share between 0 and 1 that Prometheus answers `query` with, and the most that it may be.

    The query answers nothing where nothing was counted: that is no success. `{{args.canary}}` is the new release's hash.
    """

    name: str
    query: str
    most: float


@dataclass(frozen=True, kw_only=True)
class Judged:
    """At each step, after `settle_seconds`, the measures are looked at `measurements` times, `every_seconds`.

    `requests` is the query for how many the new release answered; below `least_requests` nothing is decided.
    """

    prometheus: str
    measures: Sequence[Measure]
    requests: str
    least_requests: int
    settle_seconds: int
    every_seconds: int
    measurements: int

    @property
    def seconds(self) -> int:
        """How long a step takes when all goes well."""
        return self.settle_seconds + self.every_seconds * (self.measurements - 1)


@dataclass(frozen=True, kw_only=True)
class Gradually:
    """`weights` are the percent of the requests that a new release gets, step by step; after the last it gets all.

    They are set in `routes` of the VirtualService `virtual_service`, between the subsets `STABLE` and `CANARY` of the
    DestinationRule with the workload's name. `beside` are subsets of other workloads in these routes, whose weights stay.
    """

    virtual_service: str
    routes: Sequence[str]
    weights: Sequence[int]
    judged: Judged
    beside: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.weights or list(self.weights) != sorted({*self.weights}) or not self.weights[0] > 0:
            raise ValueError(
                f"steps of {list(self.weights)} percent: allowed: each more than the one before, from 1 on"
            )
        if not self.routes:
            raise ValueError(f"{self.virtual_service}: a gradual release names the routes whose weights it shifts")


def subsets(selector: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    """The DestinationRule's, as long as the controller has said nothing: both are all of the workload's pods."""
    return {STABLE: selector, CANARY: selector}


def canary_service(name: str) -> str:
    """A Service of the new release's pods alone, through which nothing is routed.

    With subsets alone the controller does nothing at all, not even take a release back, while a pod of either is not ready
    (`shouldDelayDestinationRuleUpdate`, 1.9.0); with a Service of its own it goes on.
    """
    return f"{name}-canary"


def strategy(name: str, gradually: Gradually) -> Body:
    """The Rollout's `strategy`: a weight, then a verdict, for each step; a bad one gives the old release all again."""
    rule = {"name": name, "stableSubsetName": STABLE, "canarySubsetName": CANARY}
    if gradually.beside:
        rule["additionalSubsetNames"] = list(gradually.beside)  # type: ignore[assignment]
    routed = {"name": gradually.virtual_service, "routes": list(gradually.routes)}
    return {
        "canary": {
            "canaryService": canary_service(name),
            "maxSurge": 1,
            "maxUnavailable": 0,
            "replicaProgressThreshold": {"type": "Percent", "value": ENOUGH_PERCENT},
            "trafficRouting": {"istio": {"virtualService": routed, "destinationRule": rule}},
            "steps": [step for weight in gradually.weights for step in ({"setWeight": weight}, _verdict(name))],
        }
    }


def _verdict(name: str) -> Body:
    return {
        "analysis": {
            "templates": [{"templateName": name}],
            "args": [{"name": "canary", "valueFrom": {"podTemplateHashValue": "Latest"}}],
        }
    }


def progress_seconds(gradually: Gradually) -> int:
    """After so long without progress the new release is given up: a verdict counts as none until it is there."""
    return gradually.judged.seconds + READY_SECONDS


def analysis_body(judged: Judged) -> Body:
    """The AnalysisTemplate, without its metadata.

    A measure over its most ends the release at once. One that says nothing, and too few requests, decide nothing: the release
    waits where it is, for a person. Without an answer of Prometheus, five times in a row, it is ended too.
    """
    metrics = [_metric(judged, name, query, *conditions) for name, query, conditions in _asked(judged)]
    return {"spec": {"args": [{"name": "canary"}], "metrics": metrics}}


def _asked(judged: Judged) -> Iterator[tuple[str, str, tuple[str, str]]]:
    enough = f"len(result) == 1 && result[0] >= {judged.least_requests}"
    yield "requests", judged.requests, (enough, "false")
    for one in judged.measures:
        verdict = (f"len(result) == 1 && result[0] {sign} {one.most:.6g}" for sign in ("<=", ">"))
        within, over = verdict
        yield one.name, one.query, (within, over)


def _metric(judged: Judged, name: str, query: str, success: str, failure: str) -> Body:
    return {
        "name": name,
        "initialDelay": f"{judged.settle_seconds}s",
        "interval": f"{judged.every_seconds}s",
        "count": judged.measurements,
        "successCondition": success,
        "failureCondition": failure,
        "failureLimit": 0,
        "inconclusiveLimit": 0,
        "consecutiveErrorLimit": 4,
        "provider": {"prometheus": {"address": judged.prometheus, "query": query}},
    }
