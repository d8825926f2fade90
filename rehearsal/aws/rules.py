"""What AWS refuses and moto takes, where several services have the rule."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from rehearsal.provider import Rejected
from rehearsal.values import UNKNOWN, Props

Rule = Callable[[Props], None]


def known(inputs: Props, key: str) -> Any:
    """The input, `None` when it is not given or not known yet."""
    value = inputs.get(key)
    return None if value is UNKNOWN else value


def rules(*each: Rule) -> Rule:
    """All of them, one after the other."""

    def check(inputs: Props) -> None:
        for rule in each:
            rule(inputs)

    return check


def policy_document(key: str) -> Rule:
    """The input is an IAM policy: JSON, a known version, statements that each allow or deny something."""

    def check(inputs: Props) -> None:
        if known(inputs, key) is None:
            return
        policy = _json(key, inputs[key])
        if not isinstance(policy, dict) or policy.get("Version") not in ("2012-10-17", "2008-10-17"):
            raise Rejected(f"{key}: a policy has a Version, 2012-10-17")
        statements = policy.get("Statement")
        statements = [statements] if isinstance(statements, dict) else statements
        if not statements:
            raise Rejected(f"{key}: the policy has no Statement")
        for index, statement in enumerate(statements):
            _statement(f"{key}.Statement[{index}]", statement)

    return check


def _statement(path: str, statement: Any) -> None:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise Rejected(f"{path}: Effect must be Allow or Deny")
    for part in ("Action", "Resource"):
        if statement.get(part) in ([], ""):
            raise Rejected(f"{path}: {part} is empty")
    if not statement.keys() & {"Action", "NotAction"}:
        raise Rejected(f"{path}: there is no Action")
    if not statement.keys() & {"Resource", "NotResource", "Principal", "NotPrincipal"}:
        raise Rejected(f"{path}: there is neither a Resource nor a Principal")


def json_document(key: str) -> Rule:
    def check(inputs: Props) -> None:
        if known(inputs, key) is not None:
            _json(key, inputs[key])

    return check


def _json(key: str, value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError as error:
        raise Rejected(f"{key}: not JSON ({error})") from None


def matches(key: str, pattern: str, meaning: str) -> Rule:
    """The input, if given, has this form; `meaning` says it in words."""
    compiled = re.compile(pattern)

    def check(inputs: Props) -> None:
        value = known(inputs, key)
        if value is not None and not compiled.fullmatch(str(value)):
            raise Rejected(f"{key}: {value!r} is not allowed: {meaning}")

    return check


def one_of(key: str, *allowed: Any) -> Rule:
    def check(inputs: Props) -> None:
        value = known(inputs, key)
        if value is not None and value not in allowed:
            raise Rejected(f"{key}: {value!r} is not one of {', '.join(map(str, allowed))}")

    return check


def within(key: str, low: int, high: int) -> Rule:
    def check(inputs: Props) -> None:
        value = known(inputs, key)
        if value is not None and not low <= value <= high:
            raise Rejected(f"{key}: {value} is not between {low} and {high}")

    return check


def needs(key: str, other: str, *values: Any) -> Rule:
    """With `key` set (and not false), `other` must be set too: to one of the values, if any are named."""

    def check(inputs: Props) -> None:
        given = inputs.get(other)
        if known(inputs, key) and given is not UNKNOWN and (given not in values if values else not given):
            wanted = f" = {' or '.join(map(str, values))}" if values else ""
            raise Rejected(f"{key}: needs {other}{wanted}, which is {given!r}")

    return check
