"""What every room of wealist needs to know."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.components.aws.foundation import Home
from infra.components.aws.images import machine_image
from infra.names import Names
from infra.settings import Settings
from infra.settings.wealist import Wealist
from infra.tags import base_tags


@dataclass(frozen=True, kw_only=True)
class Context(Home):
    """`image` is the AMI that every machine starts from."""

    settings: Wealist
    image: pulumi.Input[str]

    @property
    def api_host(self) -> str:
        return f"{self.settings.load_balancer.api_label}.{self.settings.domain}"

    def bucket(self, part: str) -> str:
        return f"{self.settings.bucket_prefix}-{part}"


def make_context(settings: Settings, wealist: Wealist) -> Context:
    return Context(
        settings=wealist,
        names=Names(system="wealist", stack=settings.stack),
        account=settings.platform.account,
        region=settings.region,
        protect=settings.platform.protect,
        role_boundary=settings.role_boundary,
        tags=base_tags(system="wealist", stack=settings.stack, extra=settings.platform.tags),
        image=machine_image(wealist.backend.image_parameter, wealist.backend.image_id),
    )
