"""What every tenant of a cluster has: where it is and what its objects are called, and its secrets (docs/adr/0025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypedDict

import pulumi
import pulumi_random as random

from infra.components.aws.foundation import Home
from infra.components.aws.parameters import Parameters, ParametersArgs
from infra.components.cluster.data_server import DataHome
from infra.components.cluster.gitops import waved
from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import Placement, Resources
from infra.components.cluster.secrets import FetchedSecret, FetchedSecretArgs
from infra.components.mesh.authorization import principal
from infra.components.mesh.objects import Place
from infra.contract import Cluster, Spans
from infra.names import Names
from infra.settings import Settings
from infra.tags import base_tags

PASSWORD_LENGTH = 40


class HomeFields(TypedDict):
    """The fields of a `TenantHome`, by which a system makes its own kind of one."""

    cluster: Cluster
    names: Names
    account: str
    region: str
    protect: bool
    role_boundary: pulumi.Input[str] | None
    tags: dict[str, str]


def home_fields(settings: Settings, cluster: Cluster, system: str) -> HomeFields:
    """What the stack and the cluster say of a tenant's home."""
    return {
        "cluster": cluster,
        "names": Names(system=system, stack=settings.stack),
        "account": cluster.aws.account,
        "region": cluster.aws.region,
        "protect": settings.platform.protect,
        "role_boundary": cluster.aws.role_boundary,
        "tags": base_tags(system=system, stack=settings.stack, extra=settings.platform.tags),
    }


@dataclass(frozen=True, kw_only=True)
class TenantHome(Home):
    """A tenant with one namespace; `part_of` is the application that its workloads' labels name."""

    cluster: Cluster
    namespace: ClassVar[str]
    part_of: ClassVar[str]

    @property
    def objects(self) -> pulumi.ResourceOptions:
        """How its own Kubernetes objects are delivered."""
        return self.cluster.platform.objects

    @property
    def spans(self) -> Spans:
        """Where spans go; `ValueError` when the tenant did not say that it needs traces."""
        if self.cluster.platform.spans is None:
            raise ValueError(f"{self.names.system} needs Traces, and the cluster answered with none")
        return self.cluster.platform.spans

    def repository(self, part: str) -> str:
        """An image's address in the account's registry, without its release: `<registry>/<prefix>-<part>`."""
        return f"{self.account}.dkr.ecr.{self.region}.amazonaws.com/{self.names.prefix}-{part}"

    def identity(self, workload: str, wave: int | None = None) -> Identity:
        """A workload's, in the cluster's wave for workloads unless another is given."""
        turn = self.cluster.platform.workloads_wave if wave is None else wave
        return Identity(name=workload, namespace=self.namespace, part_of=self.part_of, wave=turn)

    def placement(self) -> Placement:
        """The nodes for tenants; the documented ones of the cluster stay as they are."""
        return Placement(labels=self.cluster.platform.node_selector)

    def data_home(self, sidecar: Resources) -> DataHome:
        """Servers of data of its own stand there too."""
        return DataHome(
            placement=self.placement(),
            sidecar=sidecar,
            storage_class=self.cluster.platform.storage_class,
            protect=self.protect,
        )

    def principal(self, workload: str) -> str:
        """Who a workload is to those that it calls."""
        return principal(self.namespace, workload, trust_domain=self.cluster.mesh.trust_domain)

    def place(self, name: str, wave: int, namespace: str | None = None) -> Place:
        """In its own namespace, unless another is given."""
        return Place(name=name, namespace=namespace or self.namespace, annotations=waved(wave))


def drawn_passwords(home: TenantHome, names: Sequence[str]) -> dict[str, pulumi.Input[str]]:
    """A random password for each of these parameters, which nobody sets or sees."""
    return {
        name: random.RandomPassword(
            home.names.logical(name.replace("/", "-")), length=PASSWORD_LENGTH, special=False
        ).result
        for name in names
    }


def build_parameters(home: TenantHome, secret: Mapping[str, pulumi.Input[str]]) -> None:
    """Register the tenant's parameters, named below its path."""
    Parameters(
        home.names.logical("parameters"),
        ParametersArgs(
            path=home.cluster.platform.secrets.path,
            key_arn=home.cluster.aws.key_arn,
            plain={},
            secret=secret,
            tags=home.tags,
        ),
    )


def fetch_secrets(home: TenantHome, needed: Mapping[str, Mapping[str, str]], wave: int) -> None:
    """Register a Secret per workload by way of the tenant's own store: its keys, and the parameter of each below its path."""
    secrets = home.cluster.platform.secrets
    for workload, keys in needed.items():
        FetchedSecret(
            home.names.logical(f"secret-{workload}"),
            FetchedSecretArgs(
                store=secrets.store,
                secret=workload,
                namespace=home.namespace,
                keys={key: f"{secrets.path}/{parameter}" for key, parameter in keys.items()},
                wave=wave,
            ),
            home.objects,
        )
