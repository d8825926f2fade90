"""What every part of ImmersiVerse needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from infra.components.cluster.pods import Resources
from infra.contract import Cluster
from infra.settings import Settings
from infra.settings.immersiverse import Immersiverse
from infra.systems.immersiverse.document import AUTH, HOME, SYSTEM
from infra.tenant import TenantHome, home_fields

SIDECAR = Resources(cpu="20m", memory="64Mi", memory_limit="192Mi")

SECRETS_WAVE, KAFKA_WAVE, DATA_WAVE, JOBS_WAVE = -4, -3, -2, -1
"""The Auth Service comes last: what it needs to start has gone before."""


@dataclass(frozen=True, kw_only=True)
class Context(TenantHome):
    """The system's own settings, and the cluster that it stands on. `machines` are the nodes that are always there."""

    namespace: ClassVar[str] = HOME
    part_of: ClassVar[str] = HOME
    settings: Immersiverse
    machines: int

    @property
    def host(self) -> str:
        """The API's public name."""
        return self.cluster.host(self.settings.label)

    def bucket(self, part: str) -> str:
        return f"{self.settings.bucket_prefix}-{part}"

    @property
    def image(self) -> str:
        """The Auth Service's: `<registry>/<prefix>-auth:<tag>@<digest>`."""
        return f"{self.repository('auth')}:{self.settings.image}"


def service_host(workload: str = AUTH) -> str:
    """The name of a workload's Service."""
    return f"{workload}.{HOME}.svc.cluster.local"


def make_context(settings: Settings, own: Immersiverse, cluster: Cluster) -> Context:
    workers = settings.eco2.tenant_workers if settings.eco2 else None
    return Context(
        settings=own,
        machines=workers.minimum if workers else 0,
        **home_fields(settings, cluster, SYSTEM),
    )
