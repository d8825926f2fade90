"""What every room of the exchange needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from infra.components.mesh.objects import Place
from infra.contract import Cluster
from infra.settings import Settings
from infra.settings.exchange import Exchange, Route
from infra.systems.exchange.document import NAMESPACE, Service
from infra.tenant import TenantHome, home_fields

NAME = "exchange"


@dataclass(frozen=True, kw_only=True)
class Context(TenantHome):
    """Its settings, its names, and the cluster that it stands on."""

    namespace: ClassVar[str] = NAMESPACE
    part_of: ClassVar[str] = NAME
    settings: Exchange

    @property
    def host(self) -> str:
        return self.cluster.host(self.settings.host_label)

    @property
    def checked_host(self) -> str:
        """By which Route 53 looks at the way in."""
        return self.cluster.host(self.settings.failover.checked_label)

    def route(self, service: Service) -> Route:
        """What the settings say of a service's prefix."""
        return route(self.settings, service)

    def bucket(self, part: str) -> str:
        return f"{self.settings.bucket_prefix}-{part}"

    def image(self, service: str) -> str:
        """`<the account's registry>/<prefix>-<service>:<tag>@<digest>`."""
        return f"{self.repository(service)}:{self.settings.images[service]}"

    def role_arn(self, label: str) -> str:
        """The ARN of the role `<prefix>-<label>`."""
        return f"arn:aws:iam::{self.account}:role/{self.names.prefix}-{label}"

    def rule(self, name: str) -> Place:
        """What protects is there before anything that it protects."""
        return self.place(name, self.cluster.mesh.rules_wave)


def route(settings: Exchange, service: Service) -> Route:
    """The settings' section of a service."""
    return {"svc-trading-api": settings.trading, "svc-wallet": settings.wallet, "svc-risk-control": settings.risk}[
        service.name
    ]


def make_context(settings: Settings, exchange: Exchange, cluster: Cluster) -> Context:
    return Context(settings=exchange, **home_fields(settings, cluster, NAME))
