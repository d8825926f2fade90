"""The `wealist` section: what its document leaves open, with the document's values as defaults."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.settings.instance_types import Architecture, check_architecture
from infra.settings.model import BucketPrefix, Domain, IdleSeconds, ImageId, InstanceType, Network, Repository, Section

AMAZON_LINUX_2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

PublicImage = Annotated[str, Field(pattern=r"^/aws/service/ami-amazon-linux-latest/[A-Za-z0-9_.-]+$")]
VolumeGib = Annotated[int, Field(ge=8, le=500)]


class DeployAgent(Section):
    """A package of CodeDeploy's agent, by what it holds."""

    package: Annotated[str, Field(pattern=r"^codedeploy-agent[-_]\d[A-Za-z0-9._-]*\.rpm$")]
    """The file below `releases/` in AWS's bucket of the region, such as `codedeploy-agent-1.8.0-12.noarch.rpm`."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """The checksum of that file: no instance installs another."""


class Backend(Section):
    """The Auto Scaling group of the API (wealist.md §4)."""

    instance_type: InstanceType = "t3.small"
    """What both services' containers share."""
    minimum: Annotated[int, Field(ge=1, le=20)] = 2
    """The fewest instances."""
    maximum: Annotated[int, Field(ge=1, le=20)] = 6
    """The most instances."""
    cpu_target_percent: Annotated[int, Field(ge=20, le=90)] = 60
    """The average CPU use that scaling holds."""
    volume_gib: VolumeGib = 30
    """The root volume."""
    image_parameter: PublicImage = AMAZON_LINUX_2023
    """The public SSM parameter that names the image: Amazon Linux 2023, or 2 (out of support since June 2026)."""
    image_id: ImageId | None = None
    """An image to stay with. Without it each update takes the newest of `image_parameter`, and replaces instances one by one."""
    codedeploy_agent: DeployAgent | None = None
    """CodeDeploy's agent, as `make agent` says. Without it no instance installs one (docs/systems/wealist.md, §7)."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}: allowed: minimum ≤ maximum")
        return self


class Monitoring(Section):
    """The Prometheus and Grafana instance (§4)."""

    instance_type: InstanceType = "t3.small"
    """The monitoring instance."""
    zone: Annotated[str, Field(pattern=r"^[a-f]$")] = "d"
    """The zone it runs in (§2.1)."""
    volume_gib: VolumeGib = 30
    """The root volume, with Prometheus' history."""


class Database(Section):
    """RDS PostgreSQL (§5)."""

    instance_class: Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.\w+$")] = "db.t3.micro"
    """The instance class."""
    engine_version: Annotated[str, Field(pattern=r"^17(\.\d+)?$")] = "17"
    """`17` follows AWS's minor versions; `17.5` stays there."""
    storage_gib: Annotated[int, Field(ge=20, le=1000)] = 20
    """The storage it starts with."""
    max_storage_gib: Annotated[int, Field(ge=21, le=4000)] = 100
    """How far storage may grow by itself."""
    backup_retention_days: Annotated[int, Field(ge=1, le=35)] = 7
    """How far back it can be restored."""
    init_instance_type: InstanceType = "t3.micro"
    """The machine that makes the databases and roles, and alone may read the master's password."""
    deletion_protection: bool = True
    """Whether AWS refuses to delete it; without it no last snapshot is taken either."""

    @model_validator(mode="after")
    def _room_to_grow(self) -> Self:
        if self.max_storage_gib < self.storage_gib * 1.1:
            raise ValueError(
                f"max_storage_gib {self.max_storage_gib} is too close to storage_gib {self.storage_gib}: "
                "allowed: at least 10 % above it (RDS storage autoscaling)"
            )
        return self


class Cache(Section):
    """ElastiCache Redis (§6)."""

    node_type: Annotated[str, Field(pattern=r"^cache\.[a-z0-9]+\.\w+$")] = "cache.t3.micro"
    """The node type."""
    engine_version: Literal["7.0", "7.1"] = "7.0"
    """The Redis version."""
    snapshot_retention_days: Annotated[int, Field(ge=0, le=35)] = 1
    """How long daily snapshots are kept; 0 takes none."""


class LoadBalancer(Section):
    """The ALB (§4)."""

    api_label: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")] = "api"
    """The API's host under the domain: the apex is CloudFront's (§3)."""
    idle_timeout_seconds: IdleSeconds = 300
    """How long a connection may say nothing before it is closed: WebSockets ping well within it."""
    deletion_protection: bool = True
    """Whether AWS refuses to delete it."""
    log_retention_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """How long access logs are kept."""


class GitHub(Section):
    """Who may deploy (§9)."""

    repositories: list[Repository] = []
    """Whose jobs in the environment `<stack>` may assume the deploy role: `owner/name` or `owner@id/name@id`, as in subjects."""
    subjects_like: list[Annotated[str, Field(pattern=r"^repo:[\w.@-]+/.+$")]] = []
    """Further subjects, in which `*` is any text (the document's `repo:OrangesCloud/*`); `iam-trust-subject-exact` finds them."""
    create_provider: bool = True
    """An account has one OIDC provider for GitHub: one stack creates it, the others use it."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.repositories and not self.subjects_like:
            raise ValueError("repositories is empty: allowed: at least one, such as OrangesCloud/wealist-project")
        return self


class Wealist(Section):
    """The whole system (wealist.md)."""

    domain: Domain
    """The site's domain; its Route53 zone is made."""
    bucket_prefix: BucketPrefix
    """What the buckets' names start with: they are unique in all of AWS."""
    enable_multi_az: bool
    """The document's switch for the database's standby and the cache's replica (§5, §6)."""
    network: Network
    github: GitHub
    backend: Backend = Backend()
    monitoring: Monitoring = Monitoring()
    database: Database = Database()
    cache: Cache = Cache()
    load_balancer: LoadBalancer = LoadBalancer()
    alert_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    """Who is told of alarms."""

    @model_validator(mode="after")
    def _images_run(self) -> Self:
        """All of them start from the backend's image."""
        image = self.backend.image_parameter
        wanted: Architecture = "arm64" if image.endswith("arm64") or "-arm64-" in image else "x86_64"
        types = {
            "backend.instance_type": self.backend.instance_type,
            "monitoring.instance_type": self.monitoring.instance_type,
            "database.init_instance_type": self.database.init_instance_type,
        }
        for key, instance_type in types.items():
            check_architecture(key, instance_type, wanted, f"backend.image_parameter {image}")
        return self

    @model_validator(mode="after")
    def _zones_exist(self) -> Self:
        missing = {
            "a",
            "c",
            self.monitoring.zone,
            *(("d",) if self.enable_multi_az else ()),
        } - self.network.zones.keys()
        if missing:
            raise ValueError(
                f"network.zones has {', '.join(self.network.zones)}: allowed: zones that include "
                f"{', '.join(sorted(missing))} (the database lives in a, the cache in c, monitoring in {self.monitoring.zone})"
            )
        return self


SECRETS = ("wealist-google-client-id", "wealist-google-client-secret")
"""Secrets that people set: `pulumi config set --secret <key>`. Every other secret is generated."""
