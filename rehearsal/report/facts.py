"""Reads what was recorded: the values, names and ids that a person wants to see, and never a secret one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.recording import Recording, Registered
from rehearsal.values import Secret

MASK = "[secret]"

_FIELD = re.compile(r"\{([\w.~\-]+)\}")
_NAMES = (
    "name",
    "tags.Name",
    "bucket",
    "identifier",
    "replicationGroupId",
    "deploymentGroupName",
    "title",
    "metadata.name",
)
_STACK = "pulumi:pulumi:Stack"


def kind(resource: Registered) -> str:
    """The type as people say it: `rds:Instance` for `aws:rds/instance:Instance`, `Network` for a component."""
    package, module, name = resource.type.split(":")[:3]
    return name if not resource.custom or package != "aws" else f"{module.split('/')[0]}:{name}"


def label(resource: Registered) -> str:
    """The type's own word, without its service."""
    return kind(resource).split(":")[-1]


def look(resource: Registered, path: str) -> Any:
    """The input at a dotted path, or else the output; `None` when there is neither."""
    for values in (resource.inputs, resource.outputs):
        value = _at(values, path.split("."))
        if value is not None and value != "":
            return value
    return None


def physical_name(resource: Registered) -> str:
    """The name that the cloud shows, or the logical one where a resource has none of its own."""
    return next((str(found) for path in _NAMES if (found := look(resource, path))), resource.name)


def text(value: Any) -> str:
    """A value in a sentence."""
    match value:
        case None | {}:
            return "–"
        case bool():
            return "yes" if value else "no"
        case Secret():
            return MASK
        case list() | tuple():
            return ", ".join(text(item) for item in value)
        case dict():
            return ", ".join(f"{key}: {text(item)}" for key, item in sorted(value.items()))
        case _:
            return str(value)


def own_name(resource: Registered) -> str:
    """The logical name without its parent's: `ssm` for `wealist-endpoints-ssm`."""
    return resource.name.removeprefix(resource.parent.rsplit("::", 1)[-1]).lstrip("-") or resource.name


def fill(template: str, resource: Registered) -> str:
    """The template with its `{dotted.path}` fields looked up; `{-}` is the physical name and `{~}` the own one."""
    special = {"-": physical_name, "~": own_name}
    return _FIELD.sub(
        lambda field: special[field[1]](resource) if field[1] in special else text(look(resource, field[1])), template
    )


def children(recording: Recording) -> dict[str, list[Registered]]:
    """Every parent's URN with its children, in the order of registration; the top level is under the empty string."""
    known = {resource.urn for resource in recording}
    found: dict[str, list[Registered]] = {}
    for resource in recording:
        if resource.type != _STACK and not resource.type.startswith("pulumi:providers:"):
            found.setdefault(resource.parent if resource.parent in known else "", []).append(resource)
    return found


def below(resource: Registered, tree: Mapping[str, list[Registered]]) -> Iterable[Registered]:
    """The resource and everything under it."""
    yield resource
    for child in tree.get(resource.urn, []):
        yield from below(child, tree)


def _at(value: Any, path: list[str]) -> Any:
    for part in path:
        match value:
            case dict():
                value = value.get(part)
            case list() if part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            case list():
                value = [item.get(part) for item in value if isinstance(item, dict)] or None
            case _:
                return value if isinstance(value, Secret) else None
    return value
