"""A service account that has a role of AWS: what `identity.py` makes of the platform's own and of what tenants need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.components.aws.iam import Statement


@dataclass(frozen=True, kw_only=True)
class Controller:
    """A workload that asks AWS: its role's label, its service account, and what it may do."""

    label: str
    namespace: str
    service_account: str
    description: str
    statements: Sequence[Statement]
