"""Logical and physical names.

Logical names (`wealist-network-nat-a`) identify a resource in Pulumi's state and must never change; physical names
(`wealist-prod-vpc`) are what AWS shows, and follow the documents.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.errors import StackError

LIMITS = {
    "load balancer": 32,
    "target group": 32,
    "trust store": 32,
    "role": 64,
    "policy": 128,
    "bucket": 63,
    "database": 63,
    "replication group": 40,
    "security group": 255,
}
"""The longest name AWS takes, by kind."""

TIGHTEST = {
    "wealist": ("target group", "monitoring-tg"),
    "eco2": ("target group", "ingress-tg"),
    "exchange": ("role", "svc-risk-control"),
    "gateway_lab": ("role", "backup"),
    "immersiverse": ("role", "backup"),
    "delivery": ("role", "preview"),
}
"""The name of each system, by kind and last part, that leaves the stack's name the least room."""


class NameTooLong(StackError):
    """AWS has no room for a name that the stack's name is part of."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of one system in one stack: `Names(system="wealist", stack="prod").physical("vpc")` is `wealist-prod-vpc`."""

    system: str
    stack: str

    @property
    def prefix(self) -> str:
        return f"{self.system}-{self.stack}"

    def physical(self, *parts: str, kind: str | None = None) -> str:
        """`<system>-<stack>-<parts>`; `NameTooLong` when AWS has a limit for that kind and the name is over it."""
        return within_limit("-".join((self.prefix, *parts)), kind)

    def logical(self, room: str) -> str:
        """`<system>-<room>`: the name of a component, to which it appends its parts."""
        return f"{self.system}-{room}"


def within_limit(name: str, kind: str | None) -> str:
    """The name itself; `NameTooLong` says by how much it is too long for its kind."""
    limit = LIMITS[kind] if kind else None
    if limit is not None and len(name) > limit:
        raise NameTooLong(
            f"the {kind} name '{name}' has {len(name)} characters; AWS takes {limit}: shorten the stack's name"
        )
    return name
