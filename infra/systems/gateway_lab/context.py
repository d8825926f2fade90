"""What every part of the gateway lab needs to know."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.components.aws.foundation import Home
from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import Placement, Resources
from infra.components.mesh.authorization import principal
from infra.components.mesh.objects import Place
from infra.contract import Cluster
from infra.names import Names
from infra.settings import Settings
from infra.settings.gateway_lab import GatewayLab
from infra.systems.gateway_lab.document import HOME, SYSTEM
from infra.tags import base_tags

SIDECAR = Resources(cpu="20m", memory="64Mi", memory_limit="192Mi")
FOLDER = "/etc/secrets"
"""Where a workload finds its secrets, one file a key."""


@dataclass(frozen=True, kw_only=True)
class Context(Home):
    """The lab's own settings, and the cluster that it stands on."""

    settings: GatewayLab
    cluster: Cluster

    @property
    def host(self) -> str:
        """The gateway's public name."""
        return self.cluster.host(self.settings.label)

    @property
    def objects(self) -> pulumi.ResourceOptions:
        return self.cluster.platform.objects

    def bucket(self, part: str) -> str:
        return f"{self.settings.bucket_prefix}-{part}"

    def image(self, release: str) -> str:
        """The image of a service's release: `<registry>/<prefix>-<service>:<tag>@<digest>`."""
        repository = f"{self.names.prefix}-{release.removesuffix('-v2')}"
        return f"{self.account}.dkr.ecr.{self.region}.amazonaws.com/{repository}:{self.settings.images[release]}"

    def identity(self, workload: str, wave: int | None = None) -> Identity:
        turn = self.cluster.platform.workloads_wave if wave is None else wave
        return Identity(name=workload, namespace=HOME, part_of=HOME, wave=turn)

    def placement(self) -> Placement:
        """The nodes for tenants; the documented fourteen stay as they are."""
        return Placement(labels=self.cluster.platform.node_selector)

    def principal(self, workload: str) -> str:
        return principal(HOME, workload, trust_domain=self.cluster.mesh.trust_domain)

    def place(self, name: str, wave: int, namespace: str = HOME) -> Place:
        return Place(name=name, namespace=namespace, annotations=waved(wave))


def service_host(workload: str) -> str:
    """The name of a workload's Service."""
    return f"{workload}.{HOME}.svc.cluster.local"


def make_context(settings: Settings, own: GatewayLab, cluster: Cluster) -> Context:
    return Context(
        settings=own,
        cluster=cluster,
        names=Names(system=SYSTEM, stack=settings.stack),
        account=cluster.aws.account,
        region=cluster.aws.region,
        protect=settings.platform.protect,
        role_boundary=cluster.aws.role_boundary,
        tags=base_tags(system=SYSTEM, stack=settings.stack, extra=settings.platform.tags),
    )
