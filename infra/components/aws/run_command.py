"""Commands that Systems Manager runs on instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class RunCommandArgs:
    """`content` is the command document's JSON; `target_name` is the `Name` tag of the instances that run it."""

    document: str
    content: str
    target_name: str
    tags: Tags


class RunCommand(PlatformComponent):
    """A command document, run on every instance of that name when it registers, one at a time.

    Resources: Document, Association.
    """

    pulumi_type: ClassVar[str] = "platform:aws:RunCommand"

    def __init__(self, name: str, args: RunCommandArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        document = aws.ssm.Document(
            f"{name}-document",
            name=args.document,
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            content=args.content,
            tags=named(args.tags, args.document),
            opts=self.child,
        )
        aws.ssm.Association(
            f"{name}-association",
            association_name=args.document,
            name=document.name,
            targets=[{"key": "tag:Name", "values": [args.target_name]}],
            max_concurrency="1",
            max_errors="1",
            compliance_severity="HIGH",
            tags=dict(args.tags),
            opts=self.child,
        )
        self.register_outputs({"document": document.name})
