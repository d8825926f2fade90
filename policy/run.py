"""Runs rules over resources in this process, the way the engine would: unknown values are noticed, exemptions hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pulumi_policy.proxy import UnknownValueError

from policy.exemptions import Exemption, qualified
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule
from policy.unknown import watched

_ORDER = {severity: place for place, severity in enumerate(reversed(Severity))}


class RuleCrashed(Exception):
    """A rule raised something: that is a mistake in the rule, not a finding."""

    def __init__(self, rule: Rule, where: str, error: Exception) -> None:
        super().__init__(f"rule '{rule.name}' crashed on {where}: {type(error).__name__}: {error}")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule says of a resource. `exemption` is what lets it pass, `expired` the one that no longer does."""

    rule: Rule
    resource: Resource
    message: str
    exemption: Exemption | None = None
    expired: Exemption | None = None

    @property
    def where(self) -> str:
        """The resource as exemptions name it: `prod/wealist-database-instance`."""
        return qualified(self.resource.urn)

    @property
    def stops(self) -> bool:
        """Whether it is in the way of a deployment."""
        return self.rule.mandatory and self.exemption is None


@dataclass(frozen=True, kw_only=True)
class Undecided:
    """What cannot be said before the update, because a value is not known yet. A stack rule has no `resource`."""

    rule: Rule
    resource: Resource | None
    path: str


@dataclass(frozen=True, kw_only=True)
class Stale:
    """An exemption to remove or to renew, and why."""

    exemption: Exemption
    why: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All that came out, the worst first."""

    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]
    stale: tuple[Stale, ...]

    @property
    def open(self) -> tuple[Finding, ...]:
        """Those that nothing exempts."""
        return tuple(one for one in self.findings if one.exemption is None)

    @property
    def stopping(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.stops)

    @property
    def exempted(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.exemption)


def judge(
    resources: Iterable[Resource], *, rules: Sequence[Rule], exemptions: Sequence[Exemption], today: date
) -> Judgement:
    """Run all rules over the resources of a stack."""
    stack = Stack(map(guarded, resources))
    found, undecided = examine(rules, stack)
    findings = tuple(
        sorted((with_exemption(one, exemptions, today) for one in found), key=lambda one: _rank(one.rule, one))
    )
    stale = _stale(exemptions, stack, findings, undecided, today)
    return Judgement(findings=findings, undecided=tuple(undecided), stale=tuple(stale))


def examine(
    rules: Sequence[Rule], stack: Stack, of: Iterable[Resource] | None = None
) -> tuple[list[Finding], list[Undecided]]:
    """What the rules say, exemptions aside.

    Rules of single resources look at `of` only, where that is given: whoever changes one resource of many need not look at the
    others again. All resources must be `guarded`.
    """
    of_type = by_type(rules)
    found: list[Finding] = []
    undecided: list[Undecided] = []
    for resource in stack if of is None else of:
        said, unsaid = examine_one(of_type[resource.type], resource)
        found += said
        undecided += unsaid
    for rule in rules:
        if isinstance(rule, StackRule):
            try:
                found.extend(of_stack(rule, stack))
            except UnknownValueError as unknown:
                undecided.append(Undecided(rule=rule, resource=None, path=".".join(unknown.props)))
    return found, undecided


def by_type(rules: Iterable[Rule]) -> defaultdict[str, list[ResourceRule]]:
    """The rules of single resources, by the types that they look at."""
    found: defaultdict[str, list[ResourceRule]] = defaultdict(list)
    for rule in rules:
        if isinstance(rule, ResourceRule):
            for type_ in rule.types:
                found[type_].append(rule)
    return found


def examine_one(rules: Iterable[ResourceRule], resource: Resource) -> tuple[list[Finding], list[Undecided]]:
    """The same of one resource, by the rules of its type."""
    found: list[Finding] = []
    undecided: list[Undecided] = []
    for rule in rules:
        try:
            found.extend(of_resource(rule, resource))
        except UnknownValueError as unknown:
            undecided.append(Undecided(rule=rule, resource=resource, path=".".join(unknown.props)))
    return found, undecided


def of_resource(rule: ResourceRule, resource: Resource) -> Iterator[Finding]:
    """What one rule says of one resource; `UnknownValueError` for what cannot be said yet."""
    try:
        for message in rule.check(resource):
            yield Finding(rule=rule, resource=resource, message=message)
    except UnknownValueError:
        raise
    except Exception as error:
        raise RuleCrashed(rule, qualified(resource.urn), error) from error


def of_stack(rule: StackRule, stack: Stack) -> Iterator[Finding]:
    """What one rule says of a stack; `UnknownValueError` for what cannot be said yet."""
    try:
        for resource, message in rule.check(stack):
            yield Finding(rule=rule, resource=resource, message=message)
    except UnknownValueError:
        raise
    except Exception as error:
        raise RuleCrashed(rule, "the stack", error) from error


def guarded(resource: Resource) -> Resource:
    """The resource with values whose unknown parts raise when they are read, as on the engine."""
    props, outputs = watched(resource.props), watched(resource.outputs)
    return (
        resource
        if props is resource.props and outputs is resource.outputs
        else replace(resource, props=props, outputs=outputs)
    )


def with_exemption(finding: Finding, exemptions: Sequence[Exemption], today: date) -> Finding:
    """The finding with what lets it pass, or with what did until a day that is over."""
    covering = [one for one in exemptions if one.covers(finding.rule.name, finding.resource.urn)]
    holding = next((one for one in covering if not one.is_over(today)), None)
    return replace(finding, exemption=holding, expired=covering[0] if covering and holding is None else None)


def _stale(
    exemptions: Sequence[Exemption],
    stack: Stack,
    findings: Sequence[Finding],
    undecided: Sequence[Undecided],
    today: date,
) -> Iterator[Stale]:
    """Those of this run's stacks and systems that are over, or for which nothing is left to exempt."""
    known = {tuple(qualified(resource.urn).partition("-")[0].split("/")) for resource in stack}
    unsure = {one.rule.name for one in undecided}
    mine = [one for one in exemptions if any(one.is_for(name) and one.is_about(system) for name, system in known)]
    for exemption in mine:
        if exemption.is_over(today):
            yield Stale(exemption=exemption, why=f"expired on {exemption.expires}")
        elif exemption.rule not in unsure and not any(
            exemption.covers(one.rule.name, one.resource.urn) for one in findings
        ):
            yield Stale(exemption=exemption, why="exempts nothing any more")


def _rank(rule: Rule, finding: Finding) -> tuple[bool, int, str, str, str]:
    return not rule.mandatory, _ORDER[rule.severity], rule.name, finding.resource.urn, finding.message
