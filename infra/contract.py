"""What passes between a cluster and the systems that live in it: what a tenant asks for, and what it may stand on.

A tenant first declares, as data, what it adds to objects that it shares with others (`Tenant`). The cluster's system renders all of
that, so that every shared object has one owner, and hands out what stands (`Cluster`). Then the tenant is built, on that alone: no
system imports another (docs/adr/0025).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import pulumi

from infra.components.aws.access_logs import AccessLogs
from infra.components.aws.dns import AliasTarget
from infra.components.mesh.mesh_config import GrpcAuthorizer
from infra.edge import AtTheGateway, ClientCertificates
from infra.needs import Alerts, Chaos, Dashboards, Kafka, Logs, Mail, Need, Policies, Rollouts, Scaling, Traces

__all__ = [
    "Alerts",
    "AtTheGateway",
    "Aws",
    "Chaos",
    "ClientCertificates",
    "Cluster",
    "Dashboards",
    "Gateway",
    "GrpcAuthorizer",
    "Kafka",
    "Logs",
    "Mail",
    "Mesh",
    "Need",
    "Platform",
    "Policies",
    "Quota",
    "Rollouts",
    "Scaling",
    "Secrets",
    "Shared",
    "Spans",
    "Tenant",
    "TenantArrow",
    "TenantWorkload",
    "Traces",
]
"""The needs stand in `infra/needs.py`, and are part of it."""

Shared = Literal["gateway", "prometheus", "internet", "kubernetes-api", "kafka-operator"]
"""Ends of a tenant's arrows that are not its own: the mesh's gateway, Prometheus, all that is public, the API server, and the
operator of who needs `Kafka`."""


@dataclass(frozen=True, kw_only=True)
class TenantWorkload:
    """Pods with the label `app.kubernetes.io/name: <name>` and the mesh's proxy; their account has their name.

    `scraped`: Prometheus asks their proxy's agent, which answers for the application too. What is not `proxied`, such as a
    broker that does its own TLS, is asked as its own monitors and arrows say.
    """

    name: str
    namespace: str
    scraped: bool = True
    proxied: bool = True

    def __post_init__(self) -> None:
        if self.scraped and not self.proxied:
            raise ValueError(f"{self.name} has no proxy whose agent Prometheus could ask: allowed: scraped=False")


@dataclass(frozen=True, kw_only=True)
class TenantArrow:
    """`source` opens connections to `target` on a TCP port: names of the tenant's workloads, or one of `Shared`."""

    source: str
    target: str
    port: int
    why: str


@dataclass(frozen=True, kw_only=True)
class Quota:
    """The most that all pods of one namespace ask for and may take, as Kubernetes writes quantities."""

    pods: int
    cpu: str
    memory: str
    memory_limit: str


@dataclass(frozen=True, kw_only=True)
class Tenant(AtTheGateway):
    """What a system adds to the cluster's shared objects: its hosts, and what hangs on them, as `AtTheGateway` says, and these.

    `namespaces` are made, each with its quota, and are its own; `arrows` are all connections that its pods need beside names
    and the mesh's configuration, which every pod gets; `authorizers` join the mesh's configuration; `needs` are what else the
    platform runs. `fetches_secrets`: it has parameters that become Secrets, and so a store for them.
    """

    system: str
    namespaces: Mapping[str, Quota]
    workloads: Sequence[TenantWorkload]
    arrows: Sequence[TenantArrow]
    authorizers: Sequence[GrpcAuthorizer] = ()
    needs: Sequence[Need] = ()
    fetches_secrets: bool = True

    def __post_init__(self) -> None:
        """`ValueError` names what belongs to nobody: a workload outside its namespaces, an arrow without its two ends."""
        super().__post_init__()
        for one in self.workloads:
            if one.namespace not in self.namespaces:
                raise ValueError(f"{self.system}: {one.name} is in the namespace {one.namespace}, which is not its own")
        known = {one.name for one in self.workloads}
        for arrow in self.arrows:
            ends = {arrow.source, arrow.target}
            if unknown := ends - known - {*get_args(Shared)}:
                raise ValueError(f"{self.system}: an arrow names {', '.join(sorted(unknown))}, which is no workload")
            if not ends & known:
                raise ValueError(f"{self.system}: {arrow.source} → {arrow.target} touches none of its workloads")
        if len({type(need) for need in self.needs}) < len(self.needs):
            raise ValueError(f"{self.system}: each need is said once")
        if not self.fetches_secrets and any(isinstance(need, Alerts) for need in self.needs):
            raise ValueError(f"{self.system}: alerts go out with a secret of its own: allowed: fetches_secrets=True")


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The mesh's way in. `labels` select its pods; `principal` is who it is to those it calls.

    `reference` is the Gateway for the tenant's hosts, `<namespace>/<name>`, which takes routes from its own namespaces alone.
    Only the load balancer stands before it: of X-Forwarded-For the last `trusted_proxies` entries are believed.
    """

    reference: str
    namespace: str
    labels: Mapping[str, str]
    port: int
    """Where its Envoy listens, by which its virtual hosts are named."""
    principal: str
    trusted_proxies: int


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """`authorizers` may be named by CUSTOM policies; rules come in the wave before the gateway's, routes after workloads stand.

    The cluster's own authorizer, the first, is asked about `checked_paths` of every host, a tenant's too.
    """

    root_namespace: str
    trust_domain: str
    authorizers: Sequence[str]
    checked_paths: Sequence[str]
    rules_wave: int
    routes_wave: int


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Parameters below `path` become the tenant's Secrets through the ClusterSecretStore `store`, which reads no others.

    The store stands if the tenant said that it fetches secrets.
    """

    store: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Spans:
    """Where spans go, for who needs `Traces`: OTLP over gRPC at `host`:`port`, and the name of the mesh's provider for it.

    `visible` is what a namespace's Sidecar lists for its proxies to find it; the connections are open.
    """

    provider: str
    host: str
    port: int
    visible: str


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What runs beside the tenants' pods, and where those run. `objects` is how one's Kubernetes objects are delivered.

    `issuer_host` and `issuer_provider` are for roles of one's own service accounts (`federation.trust_service_account`); who
    waits for the second waits until AWS can read the cluster's keys.
    """

    objects: pulumi.ResourceOptions
    edge_objects: pulumi.ResourceOptions
    """For what a tenant hangs on the gateway itself, in its namespace: delivered with the cluster's own objects."""
    edge_name: str
    """What the logical names of such objects begin with."""
    issuer_host: str
    issuer_provider: pulumi.Output[str]
    pod_security: str
    workloads_wave: int
    node_selector: Mapping[str, str]
    storage_class: str
    secrets: Secrets
    monitoring_namespace: str
    prometheus_url: str
    spans: Spans | None
    """None without the need."""


@dataclass(frozen=True, kw_only=True)
class Aws:
    """The account's part. Hosts are those that the tenant declared, by label: each has its record and its certificate.

    `access_logs` takes what buckets and distributions log; `entrance` is what a record of its own points at.
    """

    account: str
    region: str
    domain: str
    zone_id: pulumi.Output[str]
    listener_arn: pulumi.Output[str]
    certificate_arns: Mapping[str, pulumi.Output[str]]
    key_arn: pulumi.Output[str]
    access_logs: AccessLogs
    entrance: AliasTarget
    role_boundary: pulumi.Input[str] | None


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What one tenant may stand on."""

    gateway: Gateway
    mesh: Mesh
    platform: Platform
    aws: Aws

    def host(self, label: str) -> str:
        """The public name of a declared host."""
        if label not in self.aws.certificate_arns:
            raise ValueError(
                f"host {label} was not declared; declared: {', '.join(self.aws.certificate_arns) or 'none'}"
            )
        return f"{label}.{self.aws.domain}"
