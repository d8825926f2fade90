"""What every part of ImmersiVerse needs to know."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.components.aws.foundation import Home
from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import Placement, Resources
from infra.components.mesh.authorization import principal
from infra.components.mesh.objects import Place
from infra.contract import Cluster, Spans
from infra.names import Names
from infra.settings import Settings
from infra.settings.immersiverse import Immersiverse
from infra.systems.immersiverse.document import AUTH, HOME, SYSTEM
from infra.tags import base_tags

SIDECAR = Resources(cpu="20m", memory="64Mi", memory_limit="192Mi")
FOLDER = "/etc/secrets"
"""Where a workload finds its secrets, one file a key."""

SECRETS_WAVE, KAFKA_WAVE, DATA_WAVE, JOBS_WAVE = -4, -3, -2, -1
"""The Auth Service comes last: what it needs to start has gone before."""


@dataclass(frozen=True, kw_only=True)
class Context(Home):
    """The system's own settings, and the cluster that it stands on. `machines` are the nodes that are always there."""

    settings: Immersiverse
    cluster: Cluster
    machines: int

    @property
    def host(self) -> str:
        """The API's public name."""
        return self.cluster.host(self.settings.label)

    @property
    def objects(self) -> pulumi.ResourceOptions:
        return self.cluster.platform.objects

    @property
    def spans(self) -> Spans:
        """Where spans go: the tenant said that it needs traces."""
        if self.cluster.platform.spans is None:
            raise ValueError(f"{SYSTEM} declared the need for traces, and was handed none")
        return self.cluster.platform.spans

    @property
    def image(self) -> str:
        """The Auth Service's: `<registry>/<prefix>-auth:<tag>@<digest>`."""
        registry = f"{self.account}.dkr.ecr.{self.region}.amazonaws.com"
        return f"{registry}/{self.names.prefix}-auth:{self.settings.image}"

    def identity(self, workload: str, wave: int | None = None) -> Identity:
        turn = self.cluster.platform.workloads_wave if wave is None else wave
        return Identity(name=workload, namespace=HOME, part_of=HOME, wave=turn)

    def placement(self) -> Placement:
        """The nodes for tenants; the documented fourteen of the cluster stay as they are."""
        return Placement(labels=self.cluster.platform.node_selector)

    def principal(self, workload: str) -> str:
        return principal(HOME, workload, trust_domain=self.cluster.mesh.trust_domain)

    def place(self, name: str, wave: int, namespace: str = HOME) -> Place:
        return Place(name=name, namespace=namespace, annotations=waved(wave))


def service_host(workload: str = AUTH) -> str:
    """The name of a workload's Service."""
    return f"{workload}.{HOME}.svc.cluster.local"


def make_context(settings: Settings, own: Immersiverse, cluster: Cluster) -> Context:
    workers = settings.eco2.tenant_workers if settings.eco2 else None
    return Context(
        settings=own,
        cluster=cluster,
        machines=workers.minimum if workers else 0,
        names=Names(system=SYSTEM, stack=settings.stack),
        account=cluster.aws.account,
        region=cluster.aws.region,
        protect=settings.platform.protect,
        role_boundary=cluster.aws.role_boundary,
        tags=base_tags(system=SYSTEM, stack=settings.stack, extra=settings.platform.tags),
    )
