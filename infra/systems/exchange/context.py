"""What every room of the exchange needs to know."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import Identity
from infra.components.mesh.objects import Place
from infra.contract import Cluster, Spans
from infra.names import Names
from infra.settings import Settings
from infra.settings.exchange import Exchange, Route
from infra.systems.exchange.document import NAMESPACE, SERVICES_WAVE, Service
from infra.tags import Tags, base_tags

NAME = "exchange"


@dataclass(frozen=True, kw_only=True)
class Context:
    """Its settings, its names, and the cluster that it stands on."""

    settings: Exchange
    cluster: Cluster
    names: Names
    protect: bool
    tags: Tags

    @property
    def host(self) -> str:
        return self.cluster.host(self.settings.host_label)

    @property
    def checked_host(self) -> str:
        """By which Route 53 looks at the way in."""
        return self.cluster.host(self.settings.failover.checked_label)

    @property
    def objects(self) -> pulumi.ResourceOptions:
        """How its own Kubernetes objects are delivered."""
        return self.cluster.platform.objects

    @property
    def spans(self) -> Spans:
        """Where traces go: it needs them, and so has an answer."""
        if self.cluster.platform.spans is None:
            raise ValueError("the exchange needs Traces, and the cluster answered with none")
        return self.cluster.platform.spans

    def route(self, service: Service) -> Route:
        """What the settings say of a service's prefix."""
        return route(self.settings, service)

    def bucket(self, part: str) -> str:
        return f"{self.settings.bucket_prefix}-{part}"

    def image(self, service: str) -> str:
        """`<the account's registry>/<prefix>-<service>:<tag>@<digest>`."""
        aws = self.cluster.aws
        registry = f"{aws.account}.dkr.ecr.{aws.region}.amazonaws.com"
        return f"{registry}/{self.names.prefix}-{service}:{self.settings.images[service]}"

    def role_arn(self, label: str) -> str:
        """The ARN of the role `<prefix>-<label>`."""
        return f"arn:aws:iam::{self.cluster.aws.account}:role/{self.names.prefix}-{label}"

    def identity(self, service: str) -> Identity:
        return Identity(name=service, namespace=NAMESPACE, part_of=NAME, wave=SERVICES_WAVE)

    def place(self, name: str, wave: int) -> Place:
        """In its own namespace."""
        return Place(name=name, namespace=NAMESPACE, annotations=waved(wave))

    def rule(self, name: str) -> Place:
        """What protects is there before anything that it protects."""
        return self.place(name, self.cluster.mesh.rules_wave)


def route(settings: Exchange, service: Service) -> Route:
    """The settings' section of a service."""
    return {"svc-trading-api": settings.trading, "svc-wallet": settings.wallet, "svc-risk-control": settings.risk}[
        service.name
    ]


def make_context(settings: Settings, exchange: Exchange, cluster: Cluster) -> Context:
    return Context(
        settings=exchange,
        cluster=cluster,
        names=Names(system=NAME, stack=settings.stack),
        protect=settings.platform.protect,
        tags=base_tags(system=NAME, stack=settings.stack, extra=settings.platform.tags),
    )
