"""What every part of the gateway lab needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from infra.components.cluster.pods import Resources
from infra.contract import Cluster
from infra.settings import Settings
from infra.settings.gateway_lab import GatewayLab
from infra.systems.gateway_lab.document import HOME, SYSTEM
from infra.tenant import TenantHome, home_fields

SIDECAR = Resources(cpu="20m", memory="64Mi", memory_limit="192Mi")


@dataclass(frozen=True, kw_only=True)
class Context(TenantHome):
    """The lab's own settings, and the cluster that it stands on."""

    namespace: ClassVar[str] = HOME
    part_of: ClassVar[str] = HOME
    settings: GatewayLab

    @property
    def host(self) -> str:
        """The gateway's public name."""
        return self.cluster.host(self.settings.label)

    @property
    def authority(self) -> str:
        """The gateway's public name, with its port where that is not HTTPS's own."""
        clients = self.settings.client_certificates
        return f"{self.host}:{clients.port}" if clients else self.host

    def bucket(self, part: str) -> str:
        return f"{self.settings.bucket_prefix}-{part}"

    def image(self, release: str) -> str:
        """The image of a service's release: `<registry>/<prefix>-<service>:<tag>@<digest>`."""
        return f"{self.repository(release.removesuffix('-v2'))}:{self.settings.images[release]}"


def service_host(workload: str) -> str:
    """The name of a workload's Service."""
    return f"{workload}.{HOME}.svc.cluster.local"


def make_context(settings: Settings, own: GatewayLab, cluster: Cluster) -> Context:
    return Context(settings=own, **home_fields(settings, cluster, SYSTEM))
