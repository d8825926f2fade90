"""What most rules are made of: a value at a path of a resource's inputs, and what must hold for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from policy.rules.model import Resource

Check = Callable[[Resource], Iterable[str]]
Holds = Callable[[Any], bool]

NOT_SET = "not set"


def at(value: Any, path: str) -> Any:
    """The value at a dotted path, list items by their index; `None` where there is none."""
    for part in path.split("."):
        match value:
            case Mapping():
                value = value.get(part)
            case str():
                return None
            case Sequence():
                value = value[int(part)] if part.isdecimal() and int(part) < len(value) else None
            case _:
                return None
    return value


def each(value: Any, path: str) -> list[Any]:
    """The items of the list at the path; none where there is none, and one for a value by itself."""
    found = at(value, path)
    match found:
        case None:
            return []
        case Sequence() if not isinstance(found, str):
            return list(found)
        case _:
            return [found]


def wants(path: str, holds: Holds) -> Check:
    """The value at the path must be so; a missing one is `None`. For values that are no secrets: the message shows them."""

    def check(resource: Resource) -> Iterator[str]:
        found = at(resource.props, path)
        if not holds(found):
            yield f"{path} is {shown(found)}"

    return check


def wants_all(wanted: Mapping[str, Holds]) -> Check:
    """Each of the paths must be so."""
    checks = [wants(path, holds) for path, holds in wanted.items()]
    return lambda resource: (message for check in checks for message in check(resource))


def is_true(value: Any) -> bool:
    """Launch templates spell their switches as text."""
    return value in (True, "true")


def is_off(value: Any) -> bool:
    """Not switched on, be it by saying so or by saying nothing."""
    return value in (None, False, "false")


def is_set(value: Any) -> bool:
    return value not in (None, "")


def is_not_set(value: Any) -> bool:
    return value is None


def is_one_of(*allowed: Any) -> Holds:
    return lambda value: value in allowed


def is_at_least(least: int) -> Holds:
    return lambda value: value is not None and float(value) >= least


def matches(pattern: str) -> Holds:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def shown(value: Any) -> str:
    """A value in a message."""
    match value:
        case None | "":
            return NOT_SET
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case str():
            return f"'{value}'"
        case Mapping():
            return "{" + ", ".join(sorted(value)) + "}"
        case Sequence():
            return "[" + ", ".join(map(shown, value)) + "]"
        case _:
            return str(value)


def identifiers(resource: Resource) -> set[str]:
    """What other resources may call it: the id and the ARN that the cloud gave it."""
    return {str(found) for key in ("id", "arn") if (found := resource.outputs.get(key))}
