"""The rules on the real engine: the pack says what the in-process run says, and stops what is mandatory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pulumi_policy
import pytest
import yaml
from pulumi.runtime.proto.analyzer_pb2 import AnalyzeRequest, AnalyzerResource, AnalyzeStackRequest
from pulumi_policy import EnforcementLevel
from pulumi_policy import policy as sdk
from pulumi_policy.policy import _PolicyAnalyzerServicer
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

from policy.catalog import ALL_RULES, NAMES
from policy.pack import Pack, PolicyOfTypes
from policy.read_once import resources_read_once
from policy.rules.model import ResourceRule
from rehearsal.cloud import open_cloud
from rehearsal.engine.servicer import serve_cloud
from rehearsal.engine.stack import EngineStack
from rehearsal.engine.state import name_of
from rehearsal.inprocess import ProgramFailed
from tests.policy.spoiled import PACK, UNSAID, spoiled_program, write_analyzer
from tests.policy.test_run import BEFRIENDED, BOX, CLOSED, TODAY, box, exemption
from tests.stacks import ACCOUNT, REGION, ROOT, changed_stack
from tests.tools import required_engine


def test_every_rule_is_a_policy_with_its_words() -> None:
    made = {one.name: one for one in Pack(ALL_RULES, (), date(2026, 11, 21)).policies()}
    assert made.keys() == NAMES
    for rule in ALL_RULES:
        policy = made[rule.name]
        kind = "ResourceValidationPolicy" if isinstance(rule, ResourceRule) else "StackValidationPolicy"
        assert isinstance(policy, getattr(pulumi_policy, kind))
        assert (policy.description, policy.remediation_steps) == (rule.title, rule.remedy)
        assert policy.enforcement_level is (EnforcementLevel.MANDATORY if rule.mandatory else EnforcementLevel.ADVISORY)
        assert policy.severity is pulumi_policy.Severity(rule.severity.value)
        assert policy.framework
        assert rule.controls[0] == policy.framework.name


OPTIONS = pulumi_policy.PolicyResourceOptions(
    False, [], None, [], pulumi_policy.PolicyCustomTimeouts(0, 0, 0), [], None
)


class Reports:
    """What policies report, as the engine would take it."""

    def __init__(self, *policies: pulumi_policy.Policy) -> None:
        self.policies = policies
        self.said: list[tuple[str, str]] = []

    def __call__(self, message: str, urn: str | None = None) -> None:
        self.said.append((message, name_of(urn or "")))

    def show(self, name: str, **props: Any) -> None:
        """A box, to the policies of single resources."""
        seen = unknown_checking_proxy(props)
        args = pulumi_policy.ResourceValidationArgs(BOX, seen, box(name).urn, name, OPTIONS, None)
        for policy in self.policies:
            if isinstance(policy, pulumi_policy.ResourceValidationPolicy):
                policy.validate(args, self)

    def show_all(self, **outputs: Mapping[str, Any]) -> None:
        """All boxes by their outputs, to the policies of the stack."""
        boxes = [
            pulumi_policy.PolicyResource(BOX, outputs[name], box(name).urn, name, OPTIONS, None, None, [], {})
            for name in outputs
        ]
        for policy in self.policies:
            if isinstance(policy, pulumi_policy.StackValidationPolicy):
                policy.validate(pulumi_policy.StackValidationArgs(boxes), self)


def test_exemptions_hold_on_the_engine_until_their_end() -> None:
    kept = exemption("prod/kept", until=TODAY)
    today, tomorrow = (Reports(*Pack([CLOSED], [kept], day).policies()) for day in (TODAY, TODAY + timedelta(days=1)))
    for reports in (today, tomorrow):
        reports.show("kept", open=True, lid="on")
        reports.show("other", open=True, lid="on")
    assert today.said == [("it is open. To mend it: close it", "other")]
    assert ("it is open (exempted until 2026-11-21). To mend it: close it", "kept") in tomorrow.said


def test_rules_of_the_stack_read_inputs_which_the_engine_shows_to_others_only() -> None:
    reports = Reports(*Pack([CLOSED, BEFRIENDED], [], TODAY).policies())
    reports.show("a", lid="on", friends=["b"])
    reports.show("b", lid="on", friends=["a"])
    reports.show_all(a={"id": "1"}, b={"id": "2"}, c={"id": "3"})
    assert reports.said == [("it has no friend. To mend it: find one", "c")]


def test_that_something_cannot_be_said_yet_is_told_once_for_a_rule() -> None:
    reports = Reports(*Pack([CLOSED], [], TODAY).policies())
    with pytest.raises(UnknownValueError):
        reports.show("a", lid=UNKNOWN_STRING_VALUE)
    reports.show("b", open=True, lid=UNKNOWN_STRING_VALUE)
    assert reports.said == [("it is open. To mend it: close it", "b")]


def test_what_the_engine_shows_is_read_once_for_all_policies() -> None:
    seen: list[Any] = []
    options: list[Any] = []

    def look(args: pulumi_policy.ResourceValidationArgs, _: pulumi_policy.ReportViolation) -> None:
        seen.append(args.props)
        options.append(args.opts)

    policies: list[pulumi_policy.Policy] = [
        pulumi_policy.ResourceValidationPolicy(name=name, description=name, validate=look) for name in ("one", "two")
    ]
    requests = [AnalyzeRequest(type=BOX, urn=box(name).urn, name=name) for name in ("a", "b")]
    for request in requests:
        request.properties["lid"] = "on"
        request.options.protect = request.name == "b"
    with resources_read_once():
        servicer: Any = _PolicyAnalyzerServicer("pack", "1.0.0", policies, EnforcementLevel.ADVISORY)
        for request in requests:
            assert not servicer.Analyze(request, None).diagnostics
    assert seen[0] is seen[1] is not seen[2] is seen[3]
    assert dict(seen[0]) == dict(seen[2]) == {"lid": "on"}
    assert options[0] is options[1] is not options[2] is options[3]
    assert [one.protect for one in options] == [False, False, True, True]


class Servicer:
    """What the engine asks, with the SDK's own answers."""

    def __init__(self, policies: Sequence[pulumi_policy.Policy]) -> None:
        self._asked: Any = _PolicyAnalyzerServicer("pack", "1.0.0", list(policies), EnforcementLevel.ADVISORY)

    def show(self, name: str, type_: str = BOX, **props: Any) -> list[tuple[str, str]]:
        request = AnalyzeRequest(type=type_, urn=box(name).urn, name=name)
        request.properties.update(props)
        return [(one.policyName, name_of(one.urn)) for one in self._asked.Analyze(request, None).diagnostics]

    def show_all(self, *names: str) -> list[tuple[str, str]]:
        resources = [AnalyzerResource(type=BOX, urn=box(name).urn, name=name) for name in names]
        for before, one in pairwise(resources):
            one.parent = before.urn
        answer = self._asked.AnalyzeStack(AnalyzeStackRequest(resources=resources), None)
        return [(one.policyName, name_of(one.urn)) for one in answer.diagnostics]


@pytest.mark.parametrize("once", [resources_read_once, nullcontext])
def test_what_is_read_once_is_judged_as_what_is_read_for_every_policy(
    once: Callable[[], AbstractContextManager[None]],
) -> None:
    other = replace(CLOSED, name="other", types=frozenset({"x:y:Other"}))
    named = replace(BEFRIENDED, name="again")
    with once():
        servicer = Servicer(Pack([CLOSED, BEFRIENDED, other, named], [], TODAY).policies())
        assert servicer.show("a", open=True, lid="on", friends=["b"]) == [("closed", "a")]
        assert servicer.show("b", "x:y:Other", open=True, lid="on", friends=["a"]) == [("other", "b")]
        assert servicer.show("c", "x:y:Third", open=True, friends=["d"]) == []
        assert servicer.show_all("a", "b", "c", "d") == [(rule.name, "c") for rule in (BEFRIENDED, named)]
        assert servicer.show_all() == []


def test_a_policy_is_shown_only_its_types_and_all_policies_of_stacks_the_same_resources() -> None:
    seen: dict[str, list[Any]] = {"one": [], "other": [], "stack": [], "again": []}

    def look(name: str) -> Callable[..., None]:
        return lambda args, report: seen[name].append(getattr(args, "name", None) or args.resources)

    policies = [
        PolicyOfTypes(frozenset({BOX}), name="one", description="one", validate=look("one")),
        PolicyOfTypes(frozenset({"x:y:Other"}), name="other", description="other", validate=look("other")),
        *(pulumi_policy.StackValidationPolicy(name, name, look(name)) for name in ("stack", "again")),
    ]
    with resources_read_once():
        servicer = Servicer(policies)
        servicer.show("a")
        servicer.show("b", "x:y:Other")
        servicer.show_all("a", "b")
    assert (seen["one"], seen["other"]) == (["a"], ["b"])
    (resources,), (again,) = seen["stack"], seen["again"]
    assert resources is again
    assert [one.name for one in resources] == ["a", "b"]
    assert resources[1].parent is resources[0]


def test_the_engine_is_told_which_policies_are_not_about_a_resource() -> None:
    other = replace(CLOSED, name="other", types=frozenset({"x:y:Other"}))
    asked = AnalyzeRequest(type=BOX, urn=box("a").urn, name="a")
    asked.properties.update({"open": True, "lid": "on"})
    with resources_read_once():
        policies = Pack([CLOSED, other], [], TODAY).policies()
        servicer: Any = _PolicyAnalyzerServicer("pack", "1.0.0", policies, EnforcementLevel.ADVISORY)
        for _ in range(2):
            answer = servicer.Analyze(asked, None)
            assert [one.policyName for one in answer.diagnostics] == ["closed"]
            assert [one.policy_name for one in answer.not_applicable] == ["other"]


def test_a_resource_that_no_policy_changes_is_not_read_for_changes() -> None:
    class Unread:
        type, urn, name = BOX, box("a").urn, "a"

    with resources_read_once():
        policies = Pack([CLOSED, BEFRIENDED], [], TODAY).policies()
        servicer: Any = _PolicyAnalyzerServicer("pack", "1.0.0", policies, EnforcementLevel.ADVISORY)
        answer = servicer.Remediate(Unread(), None)
    assert [one.policy_name for one in answer.not_applicable] == ["closed"]
    assert not answer.remediations


def test_a_policy_that_changes_resources_is_asked_to() -> None:
    def close(args: pulumi_policy.ResourceValidationArgs) -> Any:
        return {**args.props, "lid": "on"}

    changing = pulumi_policy.ResourceValidationPolicy(
        "changing", "changing", remediate=close,
        enforcement_level=EnforcementLevel.REMEDIATE,
    )  # fmt: skip
    asked = AnalyzeRequest(type=BOX, urn=box("a").urn, name="a")
    with resources_read_once():
        servicer: Any = _PolicyAnalyzerServicer("pack", "1.0.0", [changing], EnforcementLevel.ADVISORY)
        (changed,) = servicer.Remediate(asked, None).remediations
    assert dict(changed.properties) == {"lid": "on"}


def test_the_sdk_is_as_before_once_the_pack_is_over() -> None:
    before = dict(vars(sdk)), dict(vars(_PolicyAnalyzerServicer))
    with resources_read_once():
        pass
    assert (dict(vars(sdk)), dict(vars(_PolicyAnalyzerServicer))) == before


def test_the_packs_file_is_what_the_engine_reads() -> None:
    described = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert described["runtime"]["name"] == "python"
    assert (PACK / described["runtime"]["options"]["virtualenv"]).parent.resolve() == ROOT


@pytest.mark.verify
def test_a_mandatory_finding_stops_a_preview_and_unknown_values_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, program = required_engine(), spoiled_program(tmp_path / "program")
    monkeypatch.setenv("PATH", str(write_analyzer(tmp_path / "bin")), prepend=":")
    file = changed_stack(tmp_path, "dev", {"platform.systems": ["wealist"]})
    with (
        open_cloud(region=REGION, account=ACCOUNT, manifests=tmp_path / "manifests") as cloud,
        serve_cloud(cloud) as ports,
    ):
        stack = EngineStack(program, file, ports, tmp_path / "state", engine, pack=PACK)
        with pytest.raises(ProgramFailed) as failed:
            stack.preview()
    causes = str(failed.value).splitlines()
    assert any(
        cause.startswith("wealist-database-instance: rds-not-public: Databases have no public address")
        for cause in causes
    )
    unsaid = [one for one in stack.violations if UNSAID in one.message]
    assert unsaid
    assert not any(one.mandatory for one in unsaid)
    assert len({one.policy for one in unsaid}) == len(unsaid)
