"""What a rule is: a check over one resource or over all of them, the controls that it stands for, and how to mend what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad it is when the rule is broken."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as a rule sees it: `props` are the inputs in the provider's spelling (camelCase), secrets revealed.

    At preview a value may be unknown: reading it raises pulumi_policy's `UnknownValueError`, which whoever runs the rule
    understands as "cannot be said yet". So a rule reads with `[]`, `.get()` and iteration only, and catches nothing.

    `outputs` are what the cloud answered (`id`, `arn` …). Only a stack rule has them, to tell which resource another one names.
    """

    urn: str
    type: str
    name: str
    parent: str
    protect: bool
    props: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`name` is what exemptions and reports call it; `title` says what must be, `remedy` how to get there.

    `controls` are the published ones that it stands for, as their authors number them ("AWS FSBP RDS.3", "CIS AWS 3.0 2.3.1",
    "PSS restricted: runAsNonRoot", "Istio security best practices: default deny"). A `mandatory` rule stops, another advises.

    Rules are rows of tables, alike in shape on purpose: each is read alone, in a review and where a finding leads.
    """

    name: str
    title: str
    controls: tuple[str, ...]
    severity: Severity
    remedy: str
    mandatory: bool = True


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """Looks at each resource of its types (Pulumi tokens, such as `aws:rds/instance:Instance`); yields what is wrong with it."""

    types: frozenset[str]
    check: Callable[[Resource], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """Looks at all resources together; yields each resource that something is wrong with, and what."""

    check: Callable[[Stack], Iterable[tuple[Resource, str]]]


class Stack:
    """All resources of a run."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = tuple(resources)
        self._by_type: dict[str, list[tuple[int, Resource]]] = {}
        for place, resource in enumerate(self._resources):
            self._by_type.setdefault(resource.type, []).append((place, resource))

    def with_another(self, place: int, resource: Resource | None) -> Stack:
        """This one, with another resource of the same type at that place, or none; the others are not looked through."""
        type_ = self._resources[place].type
        instead = [] if resource is None else [resource]
        of_type = [
            (where, new) for where, one in self._by_type[type_] for new in (instead if where == place else [one])
        ]
        stack = Stack(())
        stack._resources = (*self._resources[:place], *instead, *self._resources[place + 1 :])
        stack._by_type = {**self._by_type, type_: of_type}
        if not of_type:
            del stack._by_type[type_]
        return stack

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources)

    @property
    def name(self) -> str:
        """What the stack is called, empty for one without resources: every URN of it says so."""
        return self._resources[0].urn.removeprefix("urn:pulumi:").partition("::")[0] if self._resources else ""

    @property
    def types(self) -> frozenset[str]:
        """Those that there are."""
        return frozenset(self._by_type)

    def of(self, *types: str) -> list[Resource]:
        """Those of these types, in the order of the stack."""
        found = [placed for type_ in dict.fromkeys(types) for placed in self._by_type.get(type_, ())]
        return [resource for _, resource in sorted(found, key=lambda placed: placed[0])]
