"""Buckets of what keeps its data in S3: one for each program, which alone reads and writes it."""

from __future__ import annotations

from infra.components.aws.iam import Statement
from infra.systems.eco2.context import Context
from infra.systems.eco2.parts import Values
from infra.systems.eco2.roles import Controller

HTTPS = 443


def keeper(context: Context, part: str, name: str) -> Controller:
    """The role of the program `name`, in a namespace of its name: it reads, writes and deletes in the bucket `part`, no more."""
    bucket = f"arn:aws:s3:::{context.bucket(part)}"
    return Controller(
        label=part,
        namespace=name,
        service_account=name,
        description=f"{name.capitalize()} keeps the tenants' {part}",
        statements=(
            Statement(actions=["s3:ListBucket"], resources=[bucket]),
            Statement(
                actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                resources=[f"{bucket}/*"],
            ),
        ),
    )


def account(context: Context, part: str, name: str) -> Values:
    """The chart's account with that role. Kubernetes' own token it has no use for."""
    annotations = {"eks.amazonaws.com/role-arn": context.role_arn(part)}
    return {"create": True, "name": name, "annotations": annotations, "automountServiceAccountToken": False}
