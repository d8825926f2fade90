"""A service account that has a role of AWS: what `identity.py` makes of the platform's own and of what tenants need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.components.aws.iam import Statement
from infra.systems.eco2.context import Context


@dataclass(frozen=True, kw_only=True)
class Controller:
    """A workload that asks AWS: its role's label, its service account, and what it may do."""

    label: str
    namespace: str
    service_account: str
    description: str
    statements: Sequence[Statement]


def service_account(context: Context, name: str, role: str) -> dict[str, Any]:
    """A chart's account with one role of AWS; the webhook gives its pods a token for it."""
    return {"create": True, "name": name, "annotations": {"eks.amazonaws.com/role-arn": context.role_arn(role)}}
