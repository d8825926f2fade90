"""Service accounts."""

from __future__ import annotations

from typing import ClassVar

import pulumi

from infra.components.cluster.metadata import Identity
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
"""What the pod-identity webhook looks for: pods of the account get a token for that IAM role."""


def service_account(name: str, identity: Identity, opts: pulumi.ResourceOptions, role_arn: str | None = None) -> None:
    """The workload's own account, without a token of the Kubernetes API; with `role_arn`, it may become that IAM role."""
    KubernetesObject(
        f"{name}-account",
        "v1/ServiceAccount",
        metadata=identity.metadata({ROLE_ANNOTATION: role_arn} if role_arn else None),
        body={"automountServiceAccountToken": False},
        opts=opts,
    )


class ServiceAccount(PlatformComponent):
    """The account of a workload that comes from elsewhere: who it is to others stands before it does.

    Resources: a ServiceAccount.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:ServiceAccount"

    def __init__(self, name: str, identity: Identity, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        service_account(name, identity, self.child)
        self.register_outputs({})
