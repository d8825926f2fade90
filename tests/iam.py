"""IAM's decision over a role's policies, so far as the platform's own policies need it: an unknown operator is an error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from rehearsal.recording import Recording, Registered

Context = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Policies:
    """What a role's own policies say; AWS's managed ones are not looked into."""

    statements: tuple[Mapping[str, Any], ...]

    def allow(self, action: str, resource: str, context: Context | None = None) -> bool:
        """Whether some statement allows it and none denies it."""
        met = [one["Effect"] for one in self.statements if _covers(one, action, resource, context or {})]
        return "Allow" in met and "Deny" not in met


def policies_of(recording: Recording, role: str) -> Policies:
    """Of the role with that physical name: its attached and its inline policies."""
    by_arn = {one.outputs["arn"]: one for one in recording.of("aws:iam/policy:Policy")}
    attached = [one["policyArn"] for one in recording.of("RolePolicyAttachment") if one["role"] == role]
    own = [by_arn[arn] for arn in attached if arn in by_arn]
    inline = [one for one in recording.of("aws:iam/rolePolicy:RolePolicy") if one["role"] == role]
    if not own and not inline:
        raise LookupError(f"no role {role} with policies")
    return Policies(statements=tuple(_statements([*own, *inline])))


def trusts(role: Registered, *, issuer: str, **claims: str) -> bool:
    """Whether the role takes a token of that OIDC issuer with these claims (`sub`, `aud`)."""
    given = {f"{issuer}:{key}": value for key, value in claims.items()}
    met = False
    for one in json.loads(role["assumeRolePolicy"])["Statement"]:
        if one["Action"] != ["sts:AssumeRoleWithWebIdentity"] or one["Effect"] != "Allow":
            raise NotImplementedError(f"a trust policy with {one['Effect']} {one['Action']}")
        of_issuer = one["Principal"]["Federated"].endswith(f":oidc-provider/{issuer}")
        met |= of_issuer and _conditions_hold(one, given)
    return met


def policy_named(recording: Recording, name: str) -> Policies:
    """One policy by its physical name."""
    return Policies(
        statements=tuple(_statements(one for one in recording.of("aws:iam/policy:Policy") if one["name"] == name))
    )


def _statements(policies: Iterable[Registered]) -> Iterable[Mapping[str, Any]]:
    for policy in policies:
        yield from json.loads(policy["policy"])["Statement"]


def _covers(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    there = {"Sid", "Effect", "Action", "Resource", "NotResource", "Condition"}
    if unknown := statement.keys() - there:
        raise NotImplementedError(f"statements with {', '.join(sorted(unknown))}")
    if not _among(action.lower(), [one.lower() for one in _list(statement["Action"])]):
        return False
    if "NotResource" in statement and _among(resource, statement["NotResource"]):
        return False
    if "Resource" in statement and not _among(resource, statement["Resource"]):
        return False
    return _conditions_hold(statement, context)


def _conditions_hold(statement: Mapping[str, Any], context: Context) -> bool:
    return all(
        _holds(operator, context.get(key), _list(wanted))
        for operator, tests in statement.get("Condition", {}).items()
        for key, wanted in tests.items()
    )


def _holds(operator: str, given: Any, wanted: list[str]) -> bool:
    match operator:
        case "StringEquals" | "Bool":
            return given is not None and str(given) in wanted
        case "StringNotEquals":
            return given not in wanted
        case "StringLike" | "ArnLike":
            return given is not None and _among(given, wanted)
        case "ForAnyValue:StringEquals":
            return any(one in wanted for one in _list(given or []))
        case "ForAllValues:StringEquals":
            return all(one in wanted for one in _list(given or []))
        case "ForAllValues:StringLike":
            return all(_among(one, wanted) for one in _list(given or []))
        case "ForAnyValue:StringNotLike":
            return any(not _among(one, wanted) for one in _list(given or []))
        case "Null":
            return wanted == [str(given is None).lower()]
        case _:
            raise NotImplementedError(operator)


def _among(text: str, patterns: str | list[str]) -> bool:
    # `[` is a letter to IAM.
    return any(fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in _list(patterns))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
