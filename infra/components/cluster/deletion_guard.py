"""What nobody deletes by mistake: the API server refuses it until the object itself says that it may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from infra.components.cluster.admission_policy import deny
from infra.components.cluster.metadata import metadata
from infra.components.component import PlatformComponent


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """Objects of one kind: its API group (empty for the core's), its resource as in a URL, and their names."""

    group: str
    resource: str
    names: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class DeletionGuardArgs:
    """`permit` is the annotation with which an object may be deleted, when it is `true`; `why` is said to who is refused."""

    name: str
    guarded: Sequence[Guarded]
    permit: str
    why: str
    wave: int = 0


def deletion_policy(args: DeletionGuardArgs) -> dict[str, Any]:
    """The ValidatingAdmissionPolicy's spec. Names are matched by expression: a deletion of many has no name in its request."""
    names = sorted({name for one in args.guarded for name in one.names})
    listed = ", ".join(f"'{name}'" for name in names)
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [one.group], "apiVersions": ["*"], "operations": ["DELETE"], "resources": [one.resource]}
                for one in args.guarded
            ]
        },
        "matchConditions": [
            {"name": "guarded", "expression": f"oldObject != null && oldObject.metadata.name in [{listed}]"}
        ],
        "validations": [
            {
                "expression": f"oldObject.metadata.?annotations[?'{args.permit}'].orValue('') == 'true'",
                "message": f"{args.why} To delete it all the same, annotate it first: {args.permit}=true",
                "reason": "Forbidden",
            }
        ],
    }


class DeletionGuard(PlatformComponent):
    """It guards who deletes by mistake: whoever may annotate the object, or change the policy, may also delete.

    Resources: a ValidatingAdmissionPolicy and its ValidatingAdmissionPolicyBinding.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:DeletionGuard"

    def __init__(self, name: str, args: DeletionGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        deny(name, metadata(args.name, wave=args.wave), deletion_policy(args), self.child)
        self.register_outputs({})
