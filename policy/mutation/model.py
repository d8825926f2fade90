"""What a mutation is: a property of every resource of a type, and values that would be bad there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


class Gone:
    """As a bad value: the property is not there."""

    def __repr__(self) -> str:
        return "gone"


GONE = Gone()

RESOURCE = "@resource"
"""As a path: the resource itself, which may only be `GONE`."""

PROTECT = "@protect"
"""As a path: Pulumi's refusal to delete the resource."""


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """`path` is a property path as Pulumi writes them (`rules[0].name`, `labels["a.b/c"]`); `[*]` is every item, `[+]` one more.

    It goes on into a JSON document by itself. What is not there is made, but for a value of `GONE`, or where `only_set` says that
    without it there is nothing to spoil. `named` narrows it to resources of such a logical name; `also` holds what has to change
    with it for the resource to be one that the provider would take.
    """

    area: str
    type: str
    path: str
    bad: tuple[Any, ...]
    named: str = "*"
    also: Mapping[str, Any] = field(default_factory=dict)
    only_set: bool = False


def spoil(area: str, type_: str, properties: Mapping[str, Any], **more: Any) -> tuple[Mutation, ...]:
    """A mutation for each property of a type; a tuple lists several bad values, anything else is the only one."""
    return tuple(
        Mutation(area=area, type=type_, path=path, bad=bad if isinstance(bad, tuple) else (bad,), **more)
        for path, bad in properties.items()
    )


@dataclass(frozen=True, kw_only=True)
class Unnoticed:
    """Flips that no rule notices, and why that is so. `bad` is the value as the report shows it; `*` in any of them is any text."""

    type: str
    path: str
    reason: str
    bad: str = "*"
    named: str = "*"

    def covers(self, mutation: Mutation, name: str, bad: Any) -> bool:
        return (
            self.type == mutation.type
            and self.path == mutation.path
            and fnmatchcase(shown(bad), self.bad)
            and fnmatchcase(name, self.named)
        )


def shown(bad: Any) -> str:
    """A bad value in a report."""
    text = str(bad).lower() if isinstance(bad, bool) else str(bad)
    return text if len(text) <= 60 else f"{text[:57]}..."
