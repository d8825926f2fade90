"""IAM policy documents as the rules read them: one shape for every spelling that AWS takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

ANYBODY = "*"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement. `principals` are pairs such as `("Service", "ec2.amazonaws.com")`; everybody is `("AWS", "*")`.

    `conditions` are `(operator, key, values)`, keys in lower case, as AWS compares them.
    """

    sid: str
    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    not_principals: tuple[tuple[str, str], ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    @property
    def label(self) -> str:
        """What a message calls it."""
        return self.sid or ", ".join((*self.actions, *self.not_actions)[:2]) or "statement"

    @property
    def is_for_anybody(self) -> bool:
        return any(value == ANYBODY for _, value in self.principals)

    def grants(self, *actions: str) -> bool:
        """Whether it allows one of these actions, be it through a wildcard."""
        return self.allows and any(
            fnmatchcase(action.lower(), pattern.lower()) for pattern in self.actions for action in actions
        )

    def condition(self, *keys: str) -> tuple[str, ...]:
        """The values that one of these condition keys is compared with, by an operator that asks for equality."""
        wanted = {key.lower() for key in keys}
        return tuple(
            value for name, key, values in self.conditions if key in wanted and _demands(name) for value in values
        )

    def is_bound_by(self, *keys: str) -> bool:
        """Whether one of these condition keys must have a value that it names; a key may end in `/`, as tags' do."""
        return any(
            key == wanted.lower() or (wanted.endswith("/") and key.startswith(wanted.lower()))
            for operator, key, values in self.conditions
            for wanted in keys
            if _demands(operator) and ANYBODY not in values
        )


def open_to_anybody(document: Any) -> tuple[Statement, ...]:
    """The statements that allow everybody in the world something, on no condition."""
    return tuple(one for one in statements(document) if one.allows and one.is_for_anybody and not one.conditions)


def account_of(arn: str) -> str:
    """The account that an ARN names; empty for what is none."""
    parts = arn.split(":")
    return parts[4] if parts[0] == "arn" and len(parts) > 5 else ""


def _demands(operator: str) -> bool:
    """`…IfExists` and negations let through what has no such key."""
    return (
        re.fullmatch(r"(ForAnyValue:)?(String(Equals(IgnoreCase)?|Like)|Arn(Equals|Like)|Bool)", operator) is not None
    )


def statements(document: Any) -> tuple[Statement, ...]:
    """The statements of a document: JSON text, or what it stands for; none for no document."""
    match document:
        case None | "":
            return ()
        case str():
            return _parsed(document)
        case _:
            return tuple(map(_statement, _several(document.get("Statement"))))


@lru_cache(maxsize=512)
def _parsed(text: str) -> tuple[Statement, ...]:
    return statements(json.loads(text))


def _statement(raw: Mapping[str, Any]) -> Statement:
    return Statement(
        sid=str(raw.get("Sid") or ""),
        allows=raw.get("Effect") == "Allow",
        actions=_texts(raw.get("Action")),
        not_actions=_texts(raw.get("NotAction")),
        resources=_texts(raw.get("Resource")),
        not_resources=_texts(raw.get("NotResource")),
        principals=_principals(raw.get("Principal")),
        not_principals=_principals(raw.get("NotPrincipal")),
        conditions=tuple(
            (operator, key.lower(), _texts(values))
            for operator, keys in (raw.get("Condition") or {}).items()
            for key, values in keys.items()
        ),
    )


def _principals(raw: Any) -> tuple[tuple[str, str], ...]:
    match raw:
        case None:
            return ()
        case str():
            return (("AWS", raw),)
        case _:
            return tuple((kind, value) for kind, values in raw.items() for value in _texts(values))


def _texts(raw: Any) -> tuple[str, ...]:
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in _several(raw))


def _several(raw: Any) -> list[Any]:
    match raw:
        case None:
            return []
        case str() | Mapping() | bool():
            return [raw]
        case _:
            return list(raw)
