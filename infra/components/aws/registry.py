"""Container image repositories."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags, named


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """A repository `<prefix>-<service>` for each of `services`; `istio/pilot` is one in a folder."""

    prefix: str
    services: Sequence[str]
    protect: bool
    tags: Tags


class Registry(PlatformComponent):
    """ECR repositories with immutable tags, scanned on push. Resources: a Repository and a LifecyclePolicy each.

    No image with a tag goes by itself: ECR cannot tell which one runs, and the one that does may be the oldest.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Registry"
    urls: dict[str, pulumi.Output[str]]
    arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.urls, self.arns = {}, {}
        for service in args.services:
            repository = f"{args.prefix}-{service}"
            logical = f"{name}-{service.replace('/', '-')}"
            made = aws.ecr.Repository(
                logical,
                name=repository,
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration={"scan_on_push": True},
                encryption_configurations=[{"encryption_type": "AES256"}],
                force_delete=not args.protect,
                tags=named(args.tags, repository),
                opts=self.guarded(args.protect),
            )
            aws.ecr.LifecyclePolicy(f"{logical}-lifecycle", repository=made.name, policy=_lifecycle(), opts=self.child)
            self.urls[service] = made.repository_url
            self.arns[service] = made.arn
        self.register_outputs({"urls": self.urls})


def _lifecycle() -> str:
    untagged = {
        "rulePriority": 1,
        "description": "Untagged images go after a week",
        "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [untagged]})
