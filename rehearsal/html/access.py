"""IAM roles: who may take them, and what they reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from policy import aws_types as aws
from policy.iam_documents import Statement, statements
from policy.rules.model import Resource
from rehearsal.html.model import Part, Table


def roles(part: Part) -> tuple[Table, Table]:
    """A row for each role, and one for each statement of its policies."""
    policies = {str(one.outputs.get("arn")): one for one in part.everything.of(aws.POLICY)}
    attached: dict[str, list[str]] = defaultdict(list)
    for one in part.of(aws.POLICY_ATTACHMENT):
        attached[str(one.props.get("role"))].append(str(one.props.get("policyArn")))
    inline: dict[str, list[Resource]] = defaultdict(list)
    for one in part.of(aws.ROLE_POLICY):
        inline[str(one.props.get("role"))].append(one)
    takers: list[tuple[str, ...]] = []
    rows: list[tuple[str, ...]] = []
    for role in part.of(aws.ROLE):
        name = str(role.props.get("name") or role.outputs.get("id"))
        takers.append((name, "; ".join(sorted(set(_takers(role))))))
        for arn in sorted(attached[name]):
            if arn in policies:
                rows += _rows(name, policies[arn])
            else:
                rows.append((name, "as AWS's policy says", arn.rsplit(":policy/", 1)[-1], ""))
        for one in inline[name]:
            rows += _rows(name, one)
    return (
        Table(
            id=f"{part.system}-takers",
            title="Roles and who may take them",
            columns=("role", "taken by"),
            rows=tuple(takers),
        ),
        Table(
            id=f"{part.system}-roles",
            title="Roles and what they reach",
            columns=("role", "may", "on", "if"),
            rows=tuple(rows),
        ),
    )


def _takers(role: Resource) -> Iterator[str]:
    for one in statements(role.props.get("assumeRolePolicy")):
        if one.allows:
            for _, who in one.principals:
                conditions = _conditions(one)
                yield who.rsplit("/", 1)[-1] + (f" ({conditions})" if conditions else "")


def _rows(name: str, policy: Resource) -> Iterator[tuple[str, ...]]:
    for one in statements(policy.props.get("policy")):
        actions = ", ".join(one.actions) or f"all but {', '.join(one.not_actions)}"
        resources = ", ".join(one.resources) or f"all but {', '.join(one.not_resources)}"
        yield name, actions if one.allows else f"never {actions}", resources, _conditions(one)


def _conditions(one: Statement) -> str:
    return "; ".join(f"{key} {operator} {', '.join(values)}" for operator, key, values in one.conditions)
