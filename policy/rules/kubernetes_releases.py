"""A new release that comes step by step is judged at each, and goes by itself when it is worse."""

from __future__ import annotations

from collections.abc import Iterable

from policy.kubernetes_objects import ANALYSIS_TEMPLATE, ROLLOUT, at, each, spec_of
from policy.rules.model import Resource, ResourceRule, Rule, Severity


def _unjudged(resource: Resource) -> Iterable[str]:
    steps = each(spec_of(resource), "strategy", "canary", "steps")
    weights = [place for place, step in enumerate(steps) if at(step, "setWeight") is not None]
    if not weights:
        yield "no step gives a new release a part of the requests alone"
    for place in weights:
        following = steps[place + 1] if place + 1 < len(steps) else {}
        if not each(following, "analysis", "templates"):
            yield f"nothing judges it at {at(steps[place], 'setWeight'):g} percent"
        if each(following, "analysis", "dryRun"):
            yield f"at {at(steps[place], 'setWeight'):g} percent a verdict is only looked at"


def _stays(resource: Resource) -> Iterable[str]:
    if at(spec_of(resource), "progressDeadlineAbort") is not True:
        yield "a release whose pods do not get ready stays: progressDeadlineAbort is not true"


def _lenient(resource: Resource) -> Iterable[str]:
    metrics = each(spec_of(resource), "metrics")
    if not metrics:
        yield "it measures nothing"
    for one in metrics:
        name = at(one, "name")
        if not at(one, "successCondition"):
            yield f"{name}: whatever is measured is good, for it has no successCondition"
        for limit in ("failureLimit", "inconclusiveLimit"):
            if at(one, limit) not in {None, 0}:
                yield f"{name}: {limit} is {at(one, limit)}, so that a measurement that is not good counts as good"
    if each(spec_of(resource), "dryRun"):
        yield "its verdict is only looked at: dryRun"


ROLLBACK = ("Argo Rollouts: Analysis & Progressive Delivery",)

RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="kubernetes-release-judged",
        title="A new release is judged at every part of the requests that it gets",
        controls=ROLLBACK,
        severity=Severity.HIGH,
        remedy="Put an analysis with a template after each setWeight: infra/components/cluster/rollout.py does.",
        types=frozenset({ROLLOUT}),
        check=_unjudged,
    ),
    ResourceRule(
        name="kubernetes-release-given-up",
        title="A new release whose pods do not get ready is given up",
        controls=ROLLBACK,
        severity=Severity.MEDIUM,
        remedy="Set progressDeadlineAbort: true.",
        types=frozenset({ROLLOUT}),
        check=_stays,
    ),
    ResourceRule(
        name="kubernetes-release-verdict",
        title="A verdict has a condition for success, and no measurement that is not good is let pass",
        controls=ROLLBACK,
        severity=Severity.HIGH,
        remedy="Give each metric a successCondition; leave failureLimit and inconclusiveLimit at 0, and dryRun out.",
        types=frozenset({ANALYSIS_TEMPLATE}),
        check=_lenient,
    ),
)
