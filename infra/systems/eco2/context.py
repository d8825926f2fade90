"""What every part of eco2 needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from infra.components.aws.foundation import Home
from infra.contract import ClientCertificates, Quota, Tenant, TenantArrow, TenantWorkload
from infra.names import Names
from infra.settings import Settings
from infra.settings.eco2 import Eco2
from infra.systems.eco2 import versions
from infra.tags import base_tags

Asking = TypeVar("Asking")
Asked = Sequence[tuple[Tenant, Asking]]
"""Who needs something of the platform, and how."""

RATE_LIMITER = Tenant(
    system="ratelimit",
    namespaces={"ratelimit": Quota(pods=4, cpu="1", memory="1Gi", memory_limit="2Gi")},
    workloads=[TenantWorkload(name="ratelimit", namespace="ratelimit")],
    arrows=[TenantArrow(source="gateway", target="ratelimit", port=8081, why="may this request pass?")],
    fetches_secrets=False,
)
"""Stands where a tenant has limits (rate_limits.py)."""

ACCOUNT_REGISTRY = "{account}.dkr.ecr.{region}.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class Context(Home):
    """Names that AWS objects and Kubernetes objects share are made here, so that neither waits for the other's outputs."""

    settings: Eco2
    tenants: Sequence[Tenant] = ()
    residents: Sequence[Tenant] = ()
    """What the cluster itself runs for its tenants, in the words of the contract: with namespaces, quotas and edges like them."""

    def host(self, label: str) -> str:
        """A name below the domain."""
        return f"{label}.{self.settings.domain}"

    @property
    def tenant_hosts(self) -> dict[str, str]:
        """Every host that a tenant declared, by its label."""
        return {label: self.host(label) for tenant in self.tenants for label in tenant.hosts}

    @property
    def own_token_hosts(self) -> tuple[str, ...]:
        """The hosts where a tenant's own tokens are required, and the cluster's authorizer is not asked."""
        return tuple(self.host(label) for tenant in self.tenants for own in tenant.own_tokens for label in own.hosts)

    @property
    def client_certificates(self) -> dict[str, ClientCertificates]:
        """Whose clients show a certificate, by the host's label."""
        return {one.host: one for tenant in self.tenants for one in tenant.client_certificates}

    @property
    def own_records(self) -> tuple[str, ...]:
        """Labels of the hosts whose records their tenants make."""
        return tuple(label for tenant in self.tenants for label in tenant.own_records)

    @property
    def tenant_namespaces(self) -> tuple[str, ...]:
        return tuple(namespace for tenant in (*self.tenants, *self.residents) for namespace in tenant.namespaces)

    def asking(self, need: type[Asking]) -> Asked[Asking]:
        """Every tenant with a need of that kind."""
        return [(tenant, one) for tenant in self.tenants for one in tenant.needs if isinstance(one, need)]

    @property
    def api_host(self) -> str:
        return f"{self.settings.edge.api_label}.{self.settings.domain}"

    @property
    def issuer_host(self) -> str:
        """Where the cluster's discovery document is: `https://<this>` is the `iss` of its tokens."""
        return f"{self.settings.edge.issuer_label}.{self.settings.domain}"

    @property
    def published_domain(self) -> str:
        """What ExternalDNS writes names below."""
        return f"{self.settings.edge.published_label}.{self.settings.domain}"

    @property
    def control_plane_host(self) -> str:
        """The Kubernetes API's name in the VPC's private zone."""
        return f"k8s.{self.names.prefix}.internal"

    def bucket(self, part: str) -> str:
        return f"{self.settings.bucket_prefix}-{part}"

    def role_arn(self, label: str) -> str:
        """The ARN of the role `<prefix>-<label>`."""
        return f"arn:aws:iam::{self.account}:role/{self.names.prefix}-{label}"

    @property
    def manifests_branch(self) -> str:
        """The branch that Argo CD follows: the stack's own, for whoever may push to it changes the cluster."""
        return self.settings.gitops.revision or f"rendered/{self.names.stack}"

    @property
    def mesh_images(self) -> str:
        """What Istio's charts call `hub`: what comes before `/pilot`."""
        if self.settings.mesh_images == "docker.io":
            return versions.ISTIO_IMAGES
        return f"{ACCOUNT_REGISTRY.format(account=self.account, region=self.region)}/{self.names.prefix}-istio"

    def image(self, repository: str) -> str:
        """The image of one of the project's own releases: `<registry>/<prefix>-<repository>:<tag>@<digest>`."""
        registry = ACCOUNT_REGISTRY.format(account=self.account, region=self.region)
        return f"{registry}/{self.names.prefix}-{repository}:{self.settings.images[repository]}"


def make_context(settings: Settings, eco2: Eco2, tenants: Sequence[Tenant] = ()) -> Context:
    return Context(
        tenants=tenants,
        residents=[RATE_LIMITER] if any(tenant.limits for tenant in tenants) else [],
        settings=eco2,
        names=Names(system="eco2", stack=settings.stack),
        account=settings.platform.account,
        region=settings.region,
        protect=settings.platform.protect,
        role_boundary=settings.role_boundary,
        tags=base_tags(system="eco2", stack=settings.stack, extra=settings.platform.tags),
    )
