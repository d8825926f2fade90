"""The `wealist` section: what its document leaves open, with the document's values as defaults."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.settings.model import BucketPrefix, Domain, InstanceType, Network, Section

AMAZON_LINUX_2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


class Backend(Section):
    """The Auto Scaling group of the API (wealist.md §4). `image_parameter` is the public SSM parameter that names the AMI."""

    instance_type: InstanceType = "t3.small"
    minimum: Annotated[int, Field(ge=1, le=20)] = 2
    maximum: Annotated[int, Field(ge=1, le=20)] = 6
    cpu_target_percent: Annotated[int, Field(ge=20, le=90)] = 60
    volume_gib: Annotated[int, Field(ge=8, le=500)] = 30
    image_parameter: Annotated[str, Field(pattern=r"^/aws/service/ami-amazon-linux-latest/[A-Za-z0-9_.-]+$")] = (
        AMAZON_LINUX_2023
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}: allowed: minimum ≤ maximum")
        return self


class Monitoring(Section):
    """The Prometheus and Grafana instance (§4) and the zone it runs in (§2.1: d)."""

    instance_type: InstanceType = "t3.small"
    zone: Annotated[str, Field(pattern=r"^[a-f]$")] = "d"
    volume_gib: Annotated[int, Field(ge=8, le=500)] = 30


class Database(Section):
    """RDS PostgreSQL (§5)."""

    instance_class: Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.\w+$")] = "db.t3.micro"
    engine_version: Annotated[str, Field(pattern=r"^17(\.\d+)?$")] = "17"
    storage_gib: Annotated[int, Field(ge=20, le=1000)] = 20
    max_storage_gib: Annotated[int, Field(ge=21, le=4000)] = 100
    backup_retention_days: Annotated[int, Field(ge=1, le=35)] = 7
    deletion_protection: bool = True

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
    engine_version: Literal["7.0", "7.1"] = "7.0"
    snapshot_retention_days: Annotated[int, Field(ge=0, le=35)] = 1


class LoadBalancer(Section):
    """The ALB (§4). `api_label` is the host under the domain: the apex is CloudFront's (§3)."""

    api_label: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")] = "api"
    deletion_protection: bool = True
    log_retention_days: Annotated[int, Field(ge=1, le=3650)] = 90


class GitHub(Section):
    """Who may deploy (§9). An account has one provider for GitHub: the stack that does not create it uses the one there is."""

    subjects: Annotated[list[Annotated[str, Field(pattern=r"^repo:[\w.-]+/.+$")]], Field(min_length=1)]
    create_provider: bool = True


class Wealist(Section):
    """The whole system. `enable_multi_az` is the document's switch for both the database and the cache (§5, §6)."""

    domain: Domain
    bucket_prefix: BucketPrefix
    enable_multi_az: bool
    network: Network
    github: GitHub
    backend: Backend = Backend()
    monitoring: Monitoring = Monitoring()
    database: Database = Database()
    cache: Cache = Cache()
    load_balancer: LoadBalancer = LoadBalancer()
    alert_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None

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
