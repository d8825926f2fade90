"""The key that a system's data at rest is encrypted with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.aws.iam import Statement, policy_document
from infra.components.component import PlatformComponent
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """Whose key it is; `protect` keeps Pulumi from deleting it, and with it all that it encrypts.

    `denials` are what its policy refuses besides, whatever IAM allows.
    """

    prefix: str
    account: str
    region: str
    protect: bool
    tags: Tags
    denials: Sequence[Statement] = ()


class EncryptionKey(PlatformComponent):
    """A customer key, rotated yearly, under the alias `alias/<prefix>`.

    Its policy leaves principals to IAM, and lets CloudWatch encrypt log groups and the system's alarms reach encrypted
    topics: those of this account alone, whoever else asks CloudWatch.
    Resources: Key, Alias.
    """

    pulumi_type: ClassVar[str] = "platform:aws:EncryptionKey"
    arn: pulumi.Output[str]
    alias: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        key = aws.kms.Key(
            f"{name}-key",
            description=f"Data at rest of {args.prefix}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=policy_document(
                Statement(
                    sid="IamDecides",
                    actions=["kms:*"],
                    resources=["*"],
                    principals={"AWS": f"arn:aws:iam::{args.account}:root"},
                ),
                Statement(
                    sid="LogGroups",
                    actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                    resources=["*"],
                    principals={"Service": f"logs.{args.region}.amazonaws.com"},
                    condition={
                        "ArnLike": {
                            "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{args.region}:{args.account}:log-group:*"
                        }
                    },
                ),
                Statement(
                    sid="AlarmNotifications",
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],
                    principals={"Service": "cloudwatch.amazonaws.com"},
                    # Both keys are sent by alarms (AWS's own data architecture accelerator, read on 2026-11-28).
                    condition={
                        "StringEquals": {"aws:SourceAccount": args.account},
                        "ArnLike": {
                            "aws:SourceArn": f"arn:aws:cloudwatch:{args.region}:{args.account}:alarm:{args.prefix}-*"
                        },
                    },
                ),
                *args.denials,
            ),
            tags=named(args.tags, f"{args.prefix}-key"),
            opts=self.guarded(args.protect),
        )
        alias = aws.kms.Alias(f"{name}-alias", name=f"alias/{args.prefix}", target_key_id=key.key_id, opts=self.child)
        self.arn = key.arn
        self.alias = alias.name
        self.register_outputs({"arn": self.arn, "alias": self.alias})
