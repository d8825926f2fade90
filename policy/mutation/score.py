"""Spoils the stacks property by property, and counts what the rules notice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from policy.exemptions import Exemption, qualified
from policy.mutation.model import GONE, PROTECT, RESOURCE, Mutation, Unnoticed, shown
from policy.mutation.paths import Steps, parse, places, read, replaced, written
from policy.rules.model import Resource, Rule, Stack, StackRule
from policy.run import Finding, by_type, examine, examine_one

Key = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Flip:
    """One property of one resource, spoiled. `spoiled` is the resource as it would be; None when it would be gone."""

    mutation: Mutation
    resource: Resource
    place: str
    bad: Any
    spoiled: Resource | None

    def __str__(self) -> str:
        return f"{qualified(self.resource.urn)}: {self.place} = {shown(self.bad)}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A flip, the rule that noticed it, and, where none did, why that is so."""

    flip: Flip
    rule: str | None
    excuse: Unnoticed | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """All flips of the stacks. `idle` are mutations that spoil nothing, `outdated` reasons that nothing needs any more."""

    outcomes: tuple[Outcome, ...]
    idle: tuple[Mutation, ...]
    outdated: tuple[Unnoticed, ...]

    @property
    def unexplained(self) -> tuple[Flip, ...]:
        """What nothing notices and nobody has given a reason for."""
        return tuple(one.flip for one in self.outcomes if one.rule is None and one.excuse is None)

    @property
    def explained(self) -> tuple[Outcome, ...]:
        return tuple(one for one in self.outcomes if one.excuse is not None)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the catalogue or with its reasons, whatever the floor."""
        return (
            *(f"no rule notices {flip}" for flip in self.unexplained),
            *(f"nothing is spoiled by {one.type} {one.path} (named {one.named})" for one in self.idle),
            *(
                f"the reason for {one.type} {one.path} = {one.bad} (named {one.named}) is not needed"
                for one in self.outdated
            ),
        )

    def by_area(self) -> dict[str, tuple[int, int]]:
        """For each area how many flips were noticed, and how many there were."""
        all_, noticed = Counter[str](), Counter[str]()
        for one in self.outcomes:
            all_[one.flip.mutation.area] += 1
            noticed[one.flip.mutation.area] += one.rule is not None
        return {area: (noticed[area], all_[area]) for area in sorted(all_)}


def score(
    stacks: Iterable[Sequence[Resource]],
    *,
    mutations: Sequence[Mutation],
    unnoticed: Sequence[Unnoticed],
    rules: Sequence[Rule],
    exemptions: Sequence[Exemption],
) -> Score:
    """Spoil every stack in every way. What an exemption lets pass is not noticed."""
    outcomes: list[Outcome] = []
    for resources in stacks:
        watch = Watch(resources, rules, exemptions)
        for flip in flips(resources, mutations):
            rule = watch.notices(flip)
            outcomes.append(Outcome(flip=flip, rule=rule, excuse=None if rule else _excuse(flip, unnoticed)))
    spoiling = {id(one.flip.mutation) for one in outcomes}
    needed = {id(one.excuse) for one in outcomes if one.excuse}
    return Score(
        outcomes=tuple(outcomes),
        idle=tuple(one for one in mutations if id(one) not in spoiling),
        outdated=tuple(one for one in unnoticed if id(one) not in needed),
    )


def _excuse(flip: Flip, unnoticed: Sequence[Unnoticed]) -> Unnoticed | None:
    return next((one for one in unnoticed if one.covers(flip.mutation, flip.resource.name, flip.bad)), None)


def flips(resources: Sequence[Resource], mutations: Sequence[Mutation]) -> Iterator[Flip]:
    """Every way to spoil these resources; what is bad already is not spoiled once more."""
    by_type: defaultdict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        by_type[resource.type].append(resource)
    for mutation in mutations:
        for resource in by_type[mutation.type]:
            if fnmatchcase(resource.name, mutation.named):
                yield from _of_resource(mutation, resource)


def _of_resource(mutation: Mutation, resource: Resource) -> Iterator[Flip]:
    if mutation.path == RESOURCE:
        yield Flip(mutation=mutation, resource=resource, place="the resource", bad=GONE, spoiled=None)
    elif mutation.path == PROTECT:
        if resource.protect:
            spoiled = replace(resource, protect=False)
            yield Flip(mutation=mutation, resource=resource, place="protect", bad=False, spoiled=spoiled)
    else:
        for place in places(resource.props, parse(mutation.path)):
            yield from _of_place(mutation, resource, place)


def _of_place(mutation: Mutation, resource: Resource, place: Steps) -> Iterator[Flip]:
    now = read(resource.props, place)
    for bad in mutation.bad:
        if (now is GONE and mutation.only_set) or not _differs(now, bad):
            continue
        props = replaced(resource.props, place, bad)
        for path, value in mutation.also.items():
            props = replaced(props, parse(path), value)
        spoiled = replace(resource, props=props)
        yield Flip(mutation=mutation, resource=resource, place=written(place), bad=bad, spoiled=spoiled)


def _differs(value: Any, bad: Any) -> bool:
    """Whether it is another value, and not the same one spelled otherwise: launch templates write `"true"`."""
    if isinstance(value, bool) or isinstance(bad, bool):
        return str(value).lower() != str(bad).lower()
    return bool(value != bad)


class Watch:
    """The rules over one stack, ready to look at it again with one resource changed.

    The stack is a rehearsed one, of which everything is known: nothing is guarded against being read too early, for which each
    spoiled resource would be copied.
    """

    def __init__(self, resources: Sequence[Resource], rules: Sequence[Rule], exemptions: Sequence[Exemption]) -> None:
        self._places = {one.urn: place for place, one in enumerate(resources)}
        self._of_type = by_type(rules)
        self._exemptions = exemptions
        self._stack = Stack(resources)
        self._known = {_key(one) for one in examine(rules, self._stack)[0]}
        asked = [(rule, types_asked_for(rule, resources)) for rule in rules if isinstance(rule, StackRule)]
        self._of_stack: dict[str, list[Rule]] = {
            type_: [rule for rule, asks_for in asked if asks_for(type_)] for type_ in self._stack.types
        }

    def notices(self, flip: Flip) -> str | None:
        """The first rule that says something about the spoiled stack that it does not say about the stack."""
        if flip.spoiled:
            alone, _ = examine_one(self._of_type[flip.resource.type], flip.spoiled)
            if rule := self._first_new(alone):
                return rule
        rules = self._of_stack[flip.resource.type]
        if not rules:
            return None
        stack = self._stack.with_another(self._places[flip.resource.urn], flip.spoiled)
        together, _ = examine(rules, stack, of=())
        return self._first_new(together)

    def _first_new(self, findings: Iterable[Finding]) -> str | None:
        for one in findings:
            exempt = any(each.covers(one.rule.name, one.resource.urn) for each in self._exemptions)
            if not exempt and _key(one) not in self._known:
                return one.rule.name
        return None


def _key(finding: Finding) -> Key:
    return finding.rule.name, finding.resource.urn, finding.message


def types_asked_for(rule: StackRule, resources: Sequence[Resource]) -> Callable[[str], bool]:
    """Which types a rule of the stack looks at: one that it never asked for cannot change what it says."""
    stack = _Traced(resources)
    examine([rule], stack, of=())
    return lambda type_: stack.everything or type_ in stack.asked_for


class _Traced(Stack):
    """A stack that remembers what it was asked for."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        super().__init__(resources)
        self.asked_for: set[str] = set()
        self.everything = False

    def __iter__(self) -> Iterator[Resource]:
        self.everything = True
        return super().__iter__()

    def of(self, *types: str) -> list[Resource]:
        self.asked_for.update(types)
        return super().of(*types)
