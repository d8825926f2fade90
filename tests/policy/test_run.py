"""How rules are run: unknown values, crashes, order, exemptions; on resources made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_NUMBER_VALUE, UNKNOWN_OBJECT_VALUE, UNKNOWN_STRING_VALUE, UnknownValueError

from policy.exemptions import Exemption
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule
from policy.run import RuleCrashed, guarded, judge
from rehearsal.judging import seen_by_rules
from rehearsal.recording import Registered
from rehearsal.values import UNKNOWN, Secret

TODAY = date(2026, 11, 21)
BOX = "test:box:Box"


def box(name: str, *, stack: str = "prod", **props: Any) -> Resource:
    urn = f"urn:pulumi:{stack}::shop::{BOX}::{name}"
    return Resource(urn=urn, type=BOX, name=name, parent="", protect=False, props=props)


def _open(resource: Resource) -> Iterator[str]:
    if resource.props.get("open"):
        yield "it is open"
    if resource.props["lid"] == "loose":
        yield "its lid is loose"


def _lonely(stack: Stack) -> Iterator[tuple[Resource, str]]:
    boxes = stack.of(BOX)
    friends = {friend for one in boxes for friend in one.props.get("friends", ())}
    for one in boxes:
        if one.name not in friends:
            yield one, "it has no friend"


CLOSED = ResourceRule(
    name="closed", title="Boxes are closed", controls=("A 1",), severity=Severity.HIGH, remedy="close it",
    types=frozenset({BOX}), check=_open,
)  # fmt: skip
BEFRIENDED = StackRule(
    name="befriended", title="Boxes have friends", controls=("A 2",), severity=Severity.LOW, remedy="find one",
    check=_lonely, mandatory=False,
)  # fmt: skip


def exemption(resource: str, *, rule: str = "closed", until: date = TODAY) -> Exemption:
    return Exemption(rule=rule, resource=resource, reason="because of a test", expires=until)


def run(resources: Iterable[Resource], *exemptions: Exemption, rules: tuple[Rule, ...] = (CLOSED,)) -> Any:
    return judge(resources, rules=rules, exemptions=exemptions, today=TODAY)


def test_findings_come_out_in_one_order_whatever_the_resources_was() -> None:
    boxes = [box("b", open=True, lid="loose"), box("a", open=True, lid="loose", friends=["b"])]
    once, again = (run(one, rules=(BEFRIENDED, CLOSED)) for one in (boxes, boxes[::-1]))
    assert [(one.rule.name, one.where, one.message) for one in once.findings] == [
        ("closed", "prod/a", "it is open"),
        ("closed", "prod/a", "its lid is loose"),
        ("closed", "prod/b", "it is open"),
        ("closed", "prod/b", "its lid is loose"),
        ("befriended", "prod/a", "it has no friend"),
    ]
    assert [one.message for one in again.findings] == [one.message for one in once.findings]
    assert [one.rule.name for one in once.stopping] == ["closed"] * 4


def test_what_is_not_known_yet_cannot_be_said_and_the_rest_is() -> None:
    judgement = run([box("a", open=True, lid=UNKNOWN_STRING_VALUE), box("b", lid="loose")])
    assert [(one.where, one.message) for one in judgement.findings] == [
        ("prod/a", "it is open"),
        ("prod/b", "its lid is loose"),
    ]
    assert [(one.rule.name, one.resource.name, one.path) for one in judgement.undecided] == [("closed", "a", "lid")]


def test_an_unknown_value_leaves_a_rule_of_the_stack_undecided() -> None:
    judgement = run([box("a", friends=[UNKNOWN_STRING_VALUE])], rules=(BEFRIENDED,))
    assert judgement.findings == ()
    assert [(one.resource, one.path) for one in judgement.undecided] == [(None, "friends.0")]


@pytest.mark.parametrize("rule", [CLOSED, BEFRIENDED], ids=["resource", "stack"])
def test_a_rule_that_crashes_is_named_with_what_it_looked_at(rule: Rule) -> None:
    with pytest.raises(
        RuleCrashed, match=r"rule '(closed' crashed on prod/a: KeyError: 'lid'|befriended' crashed on the stack)"
    ):
        run([box("a", friends=7)], rules=(rule,))


def test_values_are_guarded_once_and_only_where_some_are_unknown() -> None:
    once = guarded(box("a", lid=UNKNOWN_STRING_VALUE))
    assert guarded(once) is once
    assert not isinstance(once.props, dict)
    known = box("a", lid="on", friends=["b", {"c": 1}])
    assert guarded(known) is known


@pytest.mark.parametrize(
    "value", [UNKNOWN_STRING_VALUE, [1, [UNKNOWN_NUMBER_VALUE]], {"a": [{"b": UNKNOWN_OBJECT_VALUE}]}]
)
def test_an_unknown_value_is_noticed_wherever_it_is(value: Any) -> None:
    with pytest.raises(UnknownValueError):
        _read(guarded(box("a", lid=value)).props)


def _read(value: Any) -> None:
    for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, Sequence) else ():
        if not isinstance(one, str):
            _read(one)


def test_secrets_are_opened_and_unknown_values_marked() -> None:
    registered = Registered(
        urn="urn:pulumi:prod::shop::a::b", type=BOX, name="b", parent="", custom=True, provider="", protect=True,
        dependencies=frozenset(), property_dependencies={}, ignore_changes=(), aliases=(), delete_before_replace=False,
        retain_on_delete=False, inputs={"a": Secret({"b": [Secret("c")]}), "lid": UNKNOWN}, id="id-1", outputs={"arn": "x"},
    )  # fmt: skip
    (seen,) = seen_by_rules([registered])
    assert seen.props == {"a": {"b": ["c"]}, "lid": UNKNOWN_STRING_VALUE}
    assert seen.outputs == {"arn": "x", "id": "id-1"}
    assert seen.protect
    assert [one.path for one in run([seen]).undecided] == ["lid"]


class TestExemptions:
    def test_an_exempted_finding_stays_and_stops_nothing(self) -> None:
        judgement = run([box("a", open=True, lid="on")], exemption("prod/a"))
        assert [one.exemption.resource for one in judgement.findings] == ["prod/a"]
        assert judgement.open == judgement.stopping == judgement.stale == ()

    @pytest.mark.parametrize("other", ["dev/a", "prod/aa", "prod/b*"])
    def test_it_is_for_its_own_resources_alone(self, other: str) -> None:
        assert len(run([box("a", open=True, lid="on")], exemption(other)).stopping) == 1

    def test_it_is_for_its_own_rule_alone(self) -> None:
        assert len(run([box("a", open=True, lid="on")], exemption("prod/a", rule="befriended")).stopping) == 1

    def test_a_pattern_is_for_all_that_match(self) -> None:
        boxes = [box(name, open=True, lid="on") for name in ("shop-a", "shop-b", "bank-a")]
        assert [one.where for one in run(boxes, exemption("prod/shop-*")).open] == ["prod/bank-a"]

    def test_it_holds_on_its_last_day_and_not_on_the_next(self) -> None:
        boxes, last = [box("a", open=True, lid="on")], exemption("prod/a", until=TODAY)
        assert run(boxes, last).stopping == ()
        over = judge(boxes, rules=(CLOSED,), exemptions=(last,), today=date(2026, 11, 22))
        assert [one.expired for one in over.stopping] == [last]
        assert [(one.exemption, one.why) for one in over.stale] == [(last, "expired on 2026-11-21")]

    def test_one_that_exempts_nothing_any_more_is_told(self) -> None:
        judgement = run([box("a", lid="on")], exemption("prod/a"))
        assert [(one.exemption.resource, one.why) for one in judgement.stale] == [
            ("prod/a", "exempts nothing any more")
        ]

    def test_one_of_another_stack_is_none_of_this_runs_business(self) -> None:
        assert run([box("a", lid="on")], exemption("dev/a")).stale == ()

    def test_one_of_a_rule_that_could_not_be_asked_is_kept(self) -> None:
        assert run([box("a", lid=UNKNOWN_STRING_VALUE)], exemption("prod/a")).stale == ()
