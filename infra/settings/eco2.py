"""The `eco2` section: what its document leaves open."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.images import ImageRelease, check_releases
from infra.settings.instance_types import check_architecture
from infra.settings.model import BucketPrefix, Domain, IdleSeconds, ImageId, InstanceType, Network, Section

VolumeGib = Annotated[int, Field(ge=8, le=1000)]
Label = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]


IMAGES = (
    *(f"{service}-api" for service in ("auth", "my", "scan", "character", "location", "image", "chat")),
    "ext-authz",
    "celery",
)
"""The repositories of the project's own images."""


def _cluster_block(text: str) -> str:
    try:
        block = IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"not an IPv4 CIDR block such as 10.244.0.0/16 ({error})") from None
    if not 12 <= block.prefixlen <= 20:
        raise ValueError("allowed: a prefix from /12 to /20")
    return text


ClusterBlock = Annotated[str, AfterValidator(_cluster_block)]


class Kubernetes(Section):
    """The cluster's own addresses and its etcd (eco2.md: Kubernetes Cluster)."""

    pod_cidr: ClusterBlock = "10.244.0.0/16"
    """The pods' addresses: an overlay, apart from the VPC."""
    service_cidr: ClusterBlock = "10.96.0.0/16"
    """The services' addresses."""
    snapshot_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """How often etcd is saved to S3: the most that a lost control plane forgets."""
    snapshot_retention_days: Annotated[int, Field(ge=1, le=365)] = 14
    """How long etcd's snapshots are kept, and locked."""
    snapshot_lock: Literal["governance", "compliance"] = "governance"
    """Who deletes one earlier: `governance`: holders of `s3:BypassGovernanceRetention`, no role here; `compliance`: nobody."""


class Volumes(Section):
    """The machines' root volumes and the cluster's persistent ones."""

    node_gib: VolumeGib = 40
    """Each node's root volume: images, logs and, on the master, etcd."""
    postgres_gib: VolumeGib = 50
    """PostgreSQL's data."""
    redis_gib: VolumeGib = 10
    """Redis' append-only file."""
    prometheus_gib: VolumeGib = 50
    """Each Prometheus' history."""


class Backups(Section):
    """PostgreSQL's dumps."""

    retention_days: Annotated[int, Field(ge=1, le=365)] = 14
    """How long they are kept."""


class TenantWorkers(Section):
    """An Auto Scaling group of nodes for the systems that live in eco2's mesh; the documented fourteen are not among them."""

    instance_type: InstanceType = "t3.large"
    """What each of them is."""
    image_id: ImageId | None = None
    """An image to stay with. Without it each update takes the newest Amazon Linux 2023, for the nodes that start from then on."""
    minimum: Annotated[int, Field(ge=0, le=50)] = 1
    """The fewest nodes."""
    maximum: Annotated[int, Field(ge=1, le=50)] = 3
    """The most nodes."""

    @model_validator(mode="after")
    def _image_runs(self) -> Self:
        check_architecture("instance_type", self.instance_type, "x86_64", "as the pinned programs of the bootstrap are")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}: allowed: minimum ≤ maximum")
        return self


SigningKeyId = Annotated[str, Field(pattern=r"^[0-9A-F]{16}$")]
PublicKey = Annotated[
    str,
    Field(
        pattern=r"^-----BEGIN PGP PUBLIC KEY BLOCK-----\n[A-Za-z0-9+/=\n :.-]+-----END PGP PUBLIC KEY BLOCK-----\n?$"
    ),
]


class GitOps(Section):
    """Where Argo CD finds the rendered manifests."""

    repository: Annotated[str, Field(pattern=r"^https://[\w.-]+/[\w./-]+$")]
    """The Git repository with this project, over HTTPS."""
    revision: Annotated[str, Field(pattern=r"^[\w./-]+$")] | None = None
    """The branch that holds the rendered manifests, each system's in a folder of its name; without one `rendered/<stack>`."""
    signing_keys: Annotated[dict[SigningKeyId, PublicKey], Field(max_length=3)] = {}
    """The GnuPG keys whose commits Argo CD takes, by id: their public halves in ASCII. Without any it takes every commit, which no
    policy lets pass in production."""


class Edge(Section):
    """The way in (eco2.md: Route 53, AWS ALB)."""

    api_label: Label = "api"
    """The API's host under the domain."""
    issuer_label: Label = "oidc"
    """Under the domain: where AWS finds the keys that the cluster signs service accounts' tokens with."""
    published_label: Label = "apps"
    """Under the domain: ExternalDNS writes names below it, and no others."""
    idle_timeout_seconds: IdleSeconds = 300
    """How long a connection may say nothing before it is closed: WebSockets ping well within it."""
    deletion_protection: bool = True
    """Whether AWS refuses to delete the load balancer."""
    log_retention_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """How long access logs are kept."""
    requests_per_5_minutes: Annotated[int, Field(ge=100, le=2_000_000)] = 3000
    """How many requests one address may send in five minutes before the firewall blocks it."""


class Eco2(Section):
    """The whole system (eco2.md)."""

    domain: Domain
    """The API's domain, not below another stack's, whose cookies it would get; its Route53 zone is made."""
    bucket_prefix: BucketPrefix
    """What the buckets' names start with: they are unique in all of AWS."""
    network: Network
    gitops: GitOps
    delivery: Literal["render", "apply"] = "render"
    """Whether Kubernetes objects are written as files for Argo CD, or applied with the kubeconfig in `eco2-kubeconfig`."""
    images: Annotated[dict[Label, ImageRelease], Field(min_length=1)]
    """The release of each of the project's own images, by its repository's name: `<tag>@<digest>`. Nodes run what has the digest,
    whatever the tag says; a tag alone is for a stack before its first images."""
    mesh_images: Literal["docker.io", "registry"] = "docker.io"
    """Where nodes get Istio's images: `docker.io`, which counts what one address pulls, or the stack's own `registry`, which
    `make mirror` fills."""
    kubernetes: Kubernetes = Kubernetes()
    edge: Edge = Edge()
    volumes: Volumes = Volumes()
    backups: Backups = Backups()
    tenant_workers: TenantWorkers | None = None
    alert_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    """Who is told of alarms."""

    @model_validator(mode="after")
    def _blocks_are_apart(self) -> Self:
        blocks = {
            "network.cidr": self.network.cidr,
            "kubernetes.pod_cidr": self.kubernetes.pod_cidr,
            "kubernetes.service_cidr": self.kubernetes.service_cidr,
        }
        seen: list[str] = []
        for key, text in blocks.items():
            for other in seen:
                if IPv4Network(text).overlaps(IPv4Network(blocks[other])):
                    raise ValueError(f"{key} {text} overlaps {other} {blocks[other]}: allowed: blocks apart")
            seen.append(key)
        return self

    @model_validator(mode="after")
    def _nodes_reach_registries(self) -> Self:
        if self.network.nat == "none":
            raise ValueError(
                "network.nat is none: allowed: single, per_zone (nodes fetch Kubernetes from the internet)"
            )
        return self

    @model_validator(mode="after")
    def _every_image_has_a_release(self) -> Self:
        check_releases(self.images, IMAGES)
        return self

    @model_validator(mode="after")
    def _zones_exist(self) -> Self:
        missing = set("acd") - self.network.zones.keys()
        if missing:
            raise ValueError(
                f"network.zones has {', '.join(self.network.zones)}: allowed: zones that include "
                f"{', '.join(sorted(missing))} (the fourteen nodes are spread over a, c and d)"
            )
        return self


SECRETS = (
    "eco2-kakao-client-id",
    "eco2-kakao-client-secret",
    "eco2-google-client-id",
    "eco2-google-client-secret",
    "eco2-naver-client-id",
    "eco2-naver-client-secret",
)
"""Secrets that people set: the three OAuth providers' (eco2.md, bypass paths). Every other secret is generated."""

KUBECONFIG = "eco2-kubeconfig"
"""The secret that is also needed when `delivery` is `apply`."""
