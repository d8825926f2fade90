"""A real resource of a stack with one thing made bad: data, so that a rule's failing test is one line."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pulumi_policy.proxy import unknown_checking_proxy

from policy.rules.model import Resource


@dataclass(frozen=True, kw_only=True)
class Broken:
    """`rule` must find something in the prod stack once `change` is made to the input of the resource `name` of `type`.

    `change` holds values at dotted paths (`spec.template.spec.containers.0.image`); `...` as a value removes the key, and
    a path of which a part is missing makes it. `protect` replaces the resource's protection. `without` takes the resource away.

    What is found is found in the resource itself, or `on` the one of that name; `also` names the rules that notice it as well.
    Where the real resource breaks the rule, by an exemption, `mended` is what makes it good first.
    """

    rule: str
    type: str
    name: str
    change: Mapping[str, Any] = field(default_factory=dict)
    protect: bool | None = None
    without: bool = False
    on: str | None = None
    also: frozenset[str] = frozenset()
    mended: Mapping[str, Any] = field(default_factory=dict)


def at_a_preview(one: Resource) -> Resource:
    """As the engine shows it while something of it is unknown: there is no dict and no list in it."""
    return replace(one, props=unknown_checking_proxy(one.props), outputs=unknown_checking_proxy(one.outputs))  # type: ignore[arg-type]


def changed(props: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the inputs with the change made."""
    made = copy.deepcopy(dict(props))
    for path, value in change.items():
        _set(made, path.split("."), value)
    return made


def _set(place: Any, path: list[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    key = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
