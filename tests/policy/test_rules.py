"""Every rule passes on the real stacks, but for what is exempted, and finds what one spoiled resource has wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from policy.catalog import ALL_RULES, AREAS, NAMES
from policy.exemptions import ANY, load_exemptions
from policy.mutation.score import types_asked_for
from policy.rules.model import Resource, ResourceRule, Rule, Stack, StackRule
from policy.run import Judgement, examine, judge
from policy.tiers import TIERS
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Recording
from tests.policy import cases_aws, cases_bootstrap, cases_cost, cases_kubernetes, cases_mesh, cases_placement
from tests.policy.broken import Broken, at_a_preview, changed
from tests.stacks import ROOT

CASES: tuple[Broken, ...] = (
    *cases_aws.CASES,
    *cases_bootstrap.CASES,
    *cases_cost.CASES,
    *cases_kubernetes.CASES,
    *cases_mesh.CASES,
    *cases_placement.CASES,
)

REVIEWED = date(2026, 11, 21)
"""When the exemptions were last gone through. `make up` goes by today's date: it fails once one is over."""

CONTROLS = re.compile(
    r"AWS (FSBP|Security Hub) [A-Za-z0-9]+\.\d+|AWS Resource Tagging Standard \d\.\d\.\d|CIS AWS 3\.0 \d+(\.\d+)+"
    r"|AWS Well-Architected (SEC|REL|OPS|COST)\d\d-BP\d\d .+|CIS Kubernetes 1\.\d+ \d.*|Kubescape C-\d{4}"
    r"|PSS (baseline|restricted)(: .+)?|OWASP (API Security|ASVS \d.\d):? .+"
    r"|Argo Rollouts: .+"
    r"|(Argo CD|Envoy|External Secrets( Operator)?|Grafana|Istio|Istio security best practices|Kubernetes|Prometheus): .+"
    r"|SLSA 1\.0 threats: .+"
    r"|NSA/CISA Kubernetes Hardening Guide 1\.2: .+|CIS PostgreSQL 17 \d.+|Redis: .+"
)
"""Published controls as their authors number them, or else by the title of the page."""

FILES = {str(path.relative_to(ROOT)) for room in ("infra", "deploy", "policy") for path in (ROOT / room).rglob("*.*")}


def _label(case: Broken) -> str:
    what = "without" if case.without else "protect" if case.protect is not None else ",".join(case.change)
    return f"{case.rule}: {case.name} {what}"


def _judge(resources: Sequence[Resource]) -> Judgement:
    return judge(resources, rules=ALL_RULES, exemptions=load_exemptions(NAMES), today=REVIEWED)


class Bench:
    """The prod stack, in which one resource can be put in the place of another at little cost."""

    def __init__(self, resources: Sequence[Resource], recording: Recording) -> None:
        self.plain = {(one.type, one.name): one for one in seen_by_rules(recording)}
        self.resources = resources
        self.base = self.found(ALL_RULES, resources, resources)
        self._asked = {rule.name: types_asked_for(rule, resources) for rule in ALL_RULES if isinstance(rule, StackRule)}
        self._known: dict[int, set[tuple[str, str]]] = {}

    def found(self, rules: Sequence[Rule], all_: Sequence[Resource], of: Sequence[Resource]) -> set[tuple[str, str]]:
        findings, undecided = examine(rules, Stack(all_), of)
        assert undecided == []
        return {(one.rule.name, one.resource.urn) for one in findings}

    def new(self, case: Broken) -> set[tuple[str, str]]:
        """What is found because of the case, as rules and logical names."""
        if id(case) not in self._known:
            self._known[id(case)] = self._new(case)
        return self._known[id(case)]

    def _new(self, case: Broken) -> set[tuple[str, str]]:
        one = self.plain[case.type, case.name]
        mended = replace(one, props=changed(one.props, case.mended))
        spoiled = replace(
            mended,
            props=changed(mended.props, case.change),
            protect=mended.protect if case.protect is None else case.protect,
        )
        before = self._with(one, mended if case.mended else None)
        after = self._with(one, None if case.without else spoiled, gone=case.without)
        return {(rule, urn.rsplit("::", 1)[-1]) for rule, urn in after - before}

    def _with(self, place: Resource, other: Resource | None, *, gone: bool = False) -> set[tuple[str, str]]:
        if other is None and not gone:
            return self.base
        new = [] if other is None else [at_a_preview(other)]
        others = [one for one in self.resources if one.urn != place.urn]
        # What never asks for resources of the type says what it said before.
        same = {name for name, asked in self._asked.items() if not asked(place.type)}
        rules = [rule for rule in ALL_RULES if rule.name not in same]
        return self.found(rules, [*others, *new], new) | {
            (rule, urn) for rule, urn in self.base if rule in same or (urn != place.urn and rule not in self._asked)
        }


ADVICE = {
    # Until the stack file has the package's checksum, which no public source states: docs/systems/wealist.md, §7.
    "codedeploy-agent-recorded",
}
"""What both stacks are advised of, and no exemption may hide."""

RULES: dict[str, Rule] = {rule.name: rule for rule in ALL_RULES}


@pytest.fixture(scope="session")
def bench(prod_resources: list[Resource], prod: Recording) -> Bench:
    return Bench(prod_resources, prod)


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_a_stack_has_no_finding_that_is_not_exempted(stack: str, request: pytest.FixtureRequest) -> None:
    judgement = _judge(request.getfixturevalue(f"{stack}_resources"))
    assert [
        f"{one.rule.name} {one.where}: {one.message}" for one in judgement.open if one.rule.name not in ADVICE
    ] == []
    assert {one.rule.name for one in judgement.open} == ADVICE
    assert judgement.undecided == ()


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_no_exemption_is_over_or_exempts_nothing(stack: str, request: pytest.FixtureRequest) -> None:
    judgement = _judge(request.getfixturevalue(f"{stack}_resources"))
    assert [f"{one.exemption.rule} {one.exemption.resource} {one.why}" for one in judgement.stale] == []


def test_no_exemption_lasts_longer_than_a_year() -> None:
    assert {one.resource for one in load_exemptions(NAMES) if one.expires > REVIEWED + timedelta(days=366)} == set()


def test_every_exemption_is_for_a_stack_that_there_is() -> None:
    stacks = {path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml")}
    assert {one.stack for one in load_exemptions(NAMES)} <= stacks | {*TIERS, ANY}


@pytest.mark.parametrize("case", CASES, ids=_label)
def test_a_spoiled_resource_is_noticed(case: Broken, bench: Bench) -> None:
    """By a rule of single resources in itself; what a rule of the stack says may be about another one."""
    found = bench.new(case)
    if case.on or isinstance(RULES[case.rule], ResourceRule):
        assert (case.rule, case.on or case.name) in found
    else:
        assert case.rule in {rule for rule, _ in found}


@pytest.mark.parametrize("case", cases_aws.CASES, ids=_label)
def test_a_spoiled_aws_resource_is_noticed_by_no_other_rule(case: Broken, bench: Bench) -> None:
    assert {rule for rule, _ in bench.new(case)} == {case.rule} | case.also


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.name)
def test_every_rule_has_a_case_that_breaks_it(rule: Rule) -> None:
    assert [case for case in CASES if case.rule == rule.name]


def test_every_case_is_of_a_rule_that_there_is() -> None:
    assert {case.rule for case in CASES} - NAMES == set()


def test_no_case_stands_there_twice() -> None:
    counted = Counter(repr(case) for case in CASES)
    assert [case for case, count in counted.items() if count > 1] == []


@pytest.mark.parametrize(
    "rule", [one for one in ALL_RULES if isinstance(one, ResourceRule)], ids=lambda rule: rule.name
)
def test_a_rule_of_single_resources_has_some_to_look_at(rule: ResourceRule, prod_resources: list[Resource]) -> None:
    """What a rule of the stack looks at, the cases above show: each spoils a real resource."""
    assert rule.types & {one.type for one in prod_resources}


def test_there_are_60_rules_or_more_each_of_its_own_name() -> None:
    assert len(ALL_RULES) == len(NAMES) >= 60
    assert all(isinstance(rule, (ResourceRule, StackRule)) for rule in ALL_RULES)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", rule.name) for rule in ALL_RULES)


def test_all_modules_of_rules_are_in_the_catalog() -> None:
    modules = {path.stem for path in (ROOT / "policy" / "rules").glob("*_*.py") if path.stem != "__init__"}
    assert len(AREAS) == len(modules) == len({area.title for area in AREAS})
    assert all(area.rules for area in AREAS)


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.name)
def test_a_rule_says_what_it_stands_for_and_how_to_mend_it(rule: Rule) -> None:
    assert rule.title
    assert not rule.title.endswith(".")
    assert len(rule.remedy) > 10
    assert rule.controls
    assert [control for control in rule.controls if not CONTROLS.fullmatch(control)] == []
    for path in re.findall(r"[\w/]+\.(?:py|yaml|md)\b", rule.remedy):
        assert any(file.endswith(path) for file in FILES), path


def test_a_saved_recording_is_judged_like_the_one_it_was_saved_from(
    prod: Recording, prod_resources: list[Resource], tmp_path: Any
) -> None:
    from rehearsal.judging import seen_by_rules_in
    from rehearsal.report.saved import Masker, save_recording

    save_recording(tmp_path / "resources.json", prod, Masker(prod))
    saved = _judge(seen_by_rules_in(tmp_path / "resources.json"))
    shown = [(one.rule.name, one.where, one.message) for one in saved.findings]
    assert shown == [(one.rule.name, one.where, one.message) for one in _judge(prod_resources).findings]
