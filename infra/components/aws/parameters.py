"""SSM parameters: what instances read when they start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags


@dataclass(frozen=True, kw_only=True)
class ParametersArgs:
    """`plain` and `secret` map names under `path` (`/wealist/prod`) to values; secrets are encrypted with the key."""

    path: str
    key_arn: pulumi.Input[str]
    plain: Mapping[str, pulumi.Input[str]]
    secret: Mapping[str, pulumi.Input[str]]
    tags: Tags


class Parameters(PlatformComponent):
    """One Parameter per name: `String`, or `SecureString` for secrets."""

    pulumi_type: ClassVar[str] = "platform:aws:Parameters"

    def __init__(self, name: str, args: ParametersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        for key, value in args.plain.items():
            aws.ssm.Parameter(
                f"{name}-{key.replace('/', '-')}",
                name=f"{args.path}/{key}",
                type="String",
                # `value` would be a secret to the provider: in the state, and so in no preview.
                insecure_value=value,
                tags=dict(args.tags),
                opts=self.child,
            )
        for key, value in args.secret.items():
            aws.ssm.Parameter(
                f"{name}-{key.replace('/', '-')}",
                name=f"{args.path}/{key}",
                type="SecureString",
                key_id=args.key_arn,
                value=pulumi.Output.secret(value),
                tags=dict(args.tags),
                opts=self.child,
            )
        self.register_outputs({})
