"""Whose tokens an account may ask for: a right to make tokens of accounts, as a chart gives it, is a right to be any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.admission_policy import deny
from infra.components.cluster.metadata import metadata
from infra.components.component import PlatformComponent


@dataclass(frozen=True, kw_only=True)
class Account:
    """A service account."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        """Who it is to the API server."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


@dataclass(frozen=True, kw_only=True)
class TokenGuardArgs:
    """`asking` may ask for tokens of `accounts`, which are for `audience` and nobody else; without accounts, for none."""

    name: str
    asking: Account
    accounts: Sequence[Account]
    audience: str
    wave: int = 0


def token_policy(args: TokenGuardArgs) -> dict[str, Any]:
    """The ValidatingAdmissionPolicy's spec."""
    listed = ", ".join(sorted(f"'{one.namespace}/{one.name}'" for one in args.accounts))
    told = ", ".join(sorted(f"{one.namespace}/{one.name}" for one in args.accounts)) or "no account"
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["*"],
                    "operations": ["CREATE"],
                    "resources": ["serviceaccounts/token"],
                }
            ]
        },
        "matchConditions": [
            {"name": "asking", "expression": f"request.userInfo.username == '{args.asking.user}'"},
        ],
        "validations": [
            {
                "expression": f"(request.namespace + '/' + request.name) in [{listed}]"
                f" && object.spec.?audiences.orValue([]) == ['{args.audience}']",
                "message": f"{args.asking.namespace}/{args.asking.name} asks for tokens of {told}, for {args.audience} alone",
                "reason": "Forbidden",
            }
        ],
    }


class TokenGuard(PlatformComponent):
    """An account that may make tokens makes none but those that it is there for.

    Resources: a ValidatingAdmissionPolicy and its ValidatingAdmissionPolicyBinding.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:TokenGuard"

    def __init__(self, name: str, args: TokenGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        deny(name, metadata(args.name, wave=args.wave), token_policy(args), self.child)
        self.register_outputs({})
