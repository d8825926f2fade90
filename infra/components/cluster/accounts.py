"""Service accounts."""

from __future__ import annotations

import pulumi

from infra.components.cluster.metadata import Identity
from infra.components.cluster.objects import KubernetesObject

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
