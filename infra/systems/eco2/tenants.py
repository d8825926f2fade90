"""eco2 as the cluster of others: what its tenants add to shared objects, rendered by their one owner, and what each may stand on.

Source: eco2.md has no tenants; docs/adr/0025 says what they share, and docs/systems/eco2.md what stands for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pulumi

from infra.components.aws.dns import HostedZone
from infra.components.aws.foundation import certify
from infra.components.aws.load_balancer import VerifiedClients
from infra.components.aws.trust_store import TrustStore, TrustStoreArgs
from infra.components.cluster.accounts import service_account
from infra.components.cluster.fence import Fence, FenceArgs
from infra.components.cluster.gitops import (
    ArgoObject,
    ProjectArgs,
    RootApplicationArgs,
    project,
    root_application,
    waved,
)
from infra.components.cluster.metadata import Identity as WorkloadIdentity
from infra.components.cluster.namespace import Namespace, NamespaceArgs
from infra.components.cluster.observability import ObjectMeta, ProxyMetricsArgs, Scrape
from infra.components.cluster.secrets import ParameterStore, ParameterStoreArgs, StoreAccount
from infra.components.mesh.gateway import Gateway as MeshGateway
from infra.components.mesh.gateway import GatewayArgs, Server
from infra.components.mesh.objects import Place
from infra.contract import Aws, ClientCertificates, Cluster, Gateway, Mesh, Platform, Quota, Secrets, Tenant
from infra.needs import Rollouts
from infra.systems.eco2 import mesh, needs, observability, own_hosts, tracing, workloads
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import HOMES, IDENTITY_HEADERS, PROTECTED, PROXY_METRICS_PORT, ROLE_LABEL
from infra.systems.eco2.edge import TARGET, Entrance
from infra.systems.eco2.identity import Identity
from infra.systems.eco2.namespaces import STANDARD, all_namespaces
from infra.systems.eco2.network import Foundation
from infra.systems.eco2.network_policies import platform_pods
from infra.systems.eco2.parts import Wave
from infra.systems.eco2.placement import STORAGE_CLASS, TENANT
from infra.systems.eco2.projects import CERTIFICATE_KINDS, MESH_KINDS, RUNNING_KINDS, platform_namespaces
from infra.systems.eco2.secrets import STORE_WAVE
from infra.systems.eco2.tenant_names import PARAMETERS_ACCOUNT, dashed, home, parameter_path, secrets_role, store

OWN_WAVE = 20
"""A tenant's Application comes after all of the cluster's own: its kinds are there, those of Prometheus' operator too."""


def check_tenants(context: Context) -> None:
    """`ValueError` when two claim the same: a namespace, a workload's name, a host, an issuer, a header or an authorizer."""
    tenants = context.tenants
    own = context.settings.edge
    _apart("namespace", [*all_namespaces(), *platform_namespaces(context), "kube-system"], context.tenant_namespaces)
    _apart("workload", [*HOMES, *platform_pods(context)], (one.name for tenant in tenants for one in tenant.workloads))
    _apart("host", [own.api_label, own.issuer_label], (label for tenant in tenants for label in tenant.hosts))
    # Whoever may name the keys of an issuer may sign in its name, on every host that takes its tokens.
    _apart("issuer", [], (own.tokens.issuer for tenant in tenants for own in tenant.own_tokens))
    # Envoy takes a header that tells of a token's claims off every host's requests: eco2's identity, set by then, was gone.
    forwarded = [{header.lower() for one in tenant.own_tokens for header in one.tokens.forwarded} for tenant in tenants]
    _apart("header", IDENTITY_HEADERS, (header for headers in forwarded for header in sorted(headers)))
    _apart("port", [80, 443], (one.port for one in context.client_certificates.values()))
    _apart("authorizer", [mesh.AUTHORIZER], (one.name for tenant in tenants for one in tenant.authorizers))


def _apart(what: str, taken: Iterable[str | int], wanted: Iterable[str | int]) -> None:
    seen = set(taken)
    for name in wanted:
        if name in seen:
            raise ValueError(f"the {what} '{name}' is the cluster's own or another tenant's: allowed: one that is free")
        seen.add(name)


Certificates = Mapping[str, pulumi.Output[str]]
"""Their ARNs by the label of the host."""


def build_entrances(context: Context, zone: HostedZone, entrance: Entrance) -> Certificates:
    """Every tenant's hosts: certificate, route and record."""
    return {label: _host(context, zone, entrance, label) for label in context.tenant_hosts}


def _host(context: Context, zone: HostedZone, entrance: Entrance, label: str) -> pulumi.Output[str]:
    host = context.host(label)
    certificate_arn = certify(context, zone, f"tenant-{label}", host)
    if clients := context.client_certificates.get(label):
        _for_verified_clients(context, entrance, certificate_arn, clients)
    else:
        entrance.balancer.serve(label, host, TARGET, certificate_arn)
    if label not in context.own_records:
        zone.alias(label, host, entrance.balancer.alias_target, ipv6=False)
    return certificate_arn


def _for_verified_clients(
    context: Context, entrance: Entrance, certificate_arn: pulumi.Output[str], clients: ClientCertificates
) -> None:
    """A host that only clients with a certificate reach, by a listener of its own."""
    store = TrustStore(
        context.names.logical(f"clients-{clients.host}"),
        TrustStoreArgs(
            prefix=context.names.prefix,
            label=clients.host,
            bucket=context.bucket(f"clients-{clients.host}"),
            authorities=clients.authorities,
            access_logs=entrance.access_logs,
            protect=context.protect,
            tags=context.tags,
        ),
    )
    entrance.balancer.serve_verified(
        clients.host,
        TARGET,
        certificate_arn,
        VerifiedClients(port=clients.port, trust_store_arn=store.arn),
    )


def build_tenants(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register each tenant's namespaces, its Gateway, its store of secrets, what Prometheus asks, and its Application."""
    for tenant in context.tenants:
        room = _room(context, tenant)
        _namespaces(room, tenant, opts)
        _fence(context, room, tenant, opts)
        _way_in(context, room, tenant, opts)
        if tenant.fetches_secrets:
            _parameters(context, room, tenant, opts)
        _scraped(room, tenant, opts)
        _delivery(context, room, tenant, opts)
    for resident in context.residents:
        room = _room(context, resident)
        _namespaces(room, resident, opts)
        _scraped(room, resident, opts)


def _room(context: Context, tenant: Tenant) -> str:
    return context.names.logical(f"tenant-{dashed(tenant)}")


def _namespaces(room: str, tenant: Tenant, opts: pulumi.ResourceOptions) -> None:
    for namespace, quota in tenant.namespaces.items():
        Namespace(
            f"{room}-{namespace}",
            NamespaceArgs(
                namespace=namespace,
                kubernetes=STANDARD,
                sidecars=True,
                quota=_hard(quota),
                annotations=needs.marks(tenant),
                wave=Wave.NAMESPACES,
            ),
            opts,
        )


def _fence(context: Context, room: str, tenant: Tenant, opts: pulumi.ResourceOptions) -> None:
    """Whoever brings the tenant's objects, Argo CD or one who has its rights: none reaches for another's."""
    Fence(
        f"{room}-fence",
        FenceArgs(
            name=f"tenant-{dashed(tenant)}",
            namespaces=list(tenant.namespaces),
            hosts=[context.host(label) for label in tenant.hosts],
            home=home(tenant),
            recorded=f"{tenant.system}:",
            store=store(tenant) if tenant.fetches_secrets else None,
            path=parameter_path(tenant, context.names.stack),
            reader=PARAMETERS_ACCOUNT if tenant.fetches_secrets else "",
            prometheus=observability.PROMETHEUS_URL if needs.asks(tenant, Rollouts) else None,
            wave=Wave.NAMESPACES,
        ),
        opts,
    )


def _hard(quota: Quota) -> dict[str, str]:
    return {
        "pods": str(quota.pods),
        "requests.cpu": quota.cpu,
        "requests.memory": quota.memory,
        "limits.memory": quota.memory_limit,
        # What would be another way in, or another machine's door.
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def _gateway_name(tenant: Tenant) -> str:
    return f"{dashed(tenant)}-gateway"


def _way_in(context: Context, room: str, tenant: Tenant, opts: pulumi.ResourceOptions) -> None:
    """A Gateway of its own, whose hosts are open to the routes of its own namespaces alone."""
    if tenant.hosts:
        hosts = [f"{namespace}/{context.host(label)}" for label in tenant.hosts for namespace in tenant.namespaces]
        MeshGateway(
            f"{room}-gateway",
            GatewayArgs(
                place=Place(
                    name=_gateway_name(tenant),
                    namespace=mesh.ROOT,
                    annotations={**waved(Wave.MESH_ROUTES), own_hosts.TENANT: tenant.system},
                ),
                workload=mesh.GATEWAY_LABELS,
                servers=[Server(port=mesh.GATEWAY_CONTAINER_PORT, hosts=hosts)],
            ),
            opts,
        )


def _parameters(context: Context, room: str, tenant: Tenant, opts: pulumi.ResourceOptions) -> None:
    account = WorkloadIdentity(name=PARAMETERS_ACCOUNT, namespace=home(tenant), part_of=tenant.system, wave=STORE_WAVE)
    made = ParameterStore(
        f"{room}-parameters",
        ParameterStoreArgs(
            store=store(tenant),
            region=context.region,
            namespaces=sorted(tenant.namespaces),
            account=StoreAccount(name=account.name, namespace=account.namespace),
            wave=STORE_WAVE,
        ),
        opts,
    )
    service_account(f"{room}-parameters", account, made.child, context.role_arn(secrets_role(tenant)))


def _scraped(room: str, tenant: Tenant, opts: pulumi.ResourceOptions) -> None:
    asked = [one for one in tenant.workloads if one.scraped]
    if asked:
        Scrape(
            f"{room}-proxies",
            ProxyMetricsArgs(
                meta=ObjectMeta(
                    name=f"tenant-{dashed(tenant)}",
                    namespace=HOMES["prometheus"],
                    annotations=waved(observability.RULES_WAVE),
                ),
                label=observability.WORKLOAD,
                workloads=sorted(one.name for one in asked),
                namespaces=sorted({one.namespace for one in asked}),
                port=PROXY_METRICS_PORT,
            ),
            opts,
        )


def _delivery(context: Context, room: str, tenant: Tenant, opts: pulumi.ResourceOptions) -> None:
    """A project that ends at the tenant's namespaces and makes nothing without one, and the Application of its folder."""
    gitops, name = context.settings.gitops, dashed(tenant)
    made = project(
        ProjectArgs(
            name=name,
            description=f"{tenant.system}: what it runs in its own namespaces",
            sources=[gitops.repository],
            namespaces=list(tenant.namespaces),
            cluster_kinds=(),
            # Neither what bounds it (NetworkPolicies, quotas) nor rights nor a way in.
            kinds=[*RUNNING_KINDS, *MESH_KINDS, *CERTIFICATE_KINDS, *needs.kinds_of(tenant)],
            signing_keys=list(gitops.signing_keys),
        )
    )
    application = root_application(
        RootApplicationArgs(
            name=name,
            project=name,
            repository=gitops.repository,
            revision=context.manifests_branch,
            path=tenant.system,
            namespace=home(tenant),
            wave=OWN_WAVE,
            differences=needs.written_by_others(tenant),
            only_what_differs=bool(needs.written_by_others(tenant)),
        )
    )
    ArgoObject(f"{room}-project", made, opts)
    ArgoObject(f"{room}-application", application, opts)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What of the cluster's own rooms tenants stand on; `deliveries` are by system, the cluster's own among them."""

    foundation: Foundation
    zone: HostedZone
    identity: Identity
    entrance: Entrance
    certificates: Certificates
    deliveries: Mapping[str, pulumi.ResourceOptions]


def hand_out(context: Context, ground: Ground) -> dict[str, Cluster]:
    """What each tenant may stand on, by its system."""
    return {
        tenant.system: Cluster(
            gateway=_gateway(tenant),
            mesh=_mesh(tenant),
            platform=_platform(context, ground, tenant),
            aws=_aws(context, ground, tenant),
        )
        for tenant in context.tenants
    }


def _gateway(tenant: Tenant) -> Gateway:
    return Gateway(
        reference=f"{mesh.ROOT}/{_gateway_name(tenant)}",
        namespace=mesh.ROOT,
        labels=mesh.GATEWAY_LABELS,
        port=mesh.GATEWAY_CONTAINER_PORT,
        principal=mesh.account(mesh.GATEWAY),
        trusted_proxies=mesh.TRUSTED_PROXIES,
    )


def _mesh(tenant: Tenant) -> Mesh:
    return Mesh(
        root_namespace=mesh.ROOT,
        trust_domain=mesh.TRUST_DOMAIN,
        authorizers=[mesh.AUTHORIZER, *(one.name for one in tenant.authorizers)],
        checked_paths=PROTECTED,
        rules_wave=Wave.MESH_RULES,
        routes_wave=Wave.MESH_ROUTES,
    )


def _platform(context: Context, ground: Ground, tenant: Tenant) -> Platform:
    return Platform(
        objects=ground.deliveries[tenant.system],
        edge_objects=own_hosts.at_the_edge(
            ground.deliveries[context.names.system], tenant.system, [context.host(label) for label in tenant.hosts]
        ),
        edge_name=_room(context, tenant),
        issuer_host=context.issuer_host,
        issuer_provider=ground.identity.provider,
        pod_security=STANDARD,
        workloads_wave=workloads.WAVE,
        node_selector={ROLE_LABEL: TENANT},
        storage_class=STORAGE_CLASS,
        secrets=Secrets(store=store(tenant), path=parameter_path(tenant, context.names.stack)),
        monitoring_namespace=HOMES["prometheus"],
        prometheus_url=observability.PROMETHEUS_URL,
        spans=tracing.spans(tenant),
    )


def _aws(context: Context, ground: Ground, tenant: Tenant) -> Aws:
    return Aws(
        account=context.account,
        region=context.region,
        domain=context.settings.domain,
        zone_id=ground.zone.zone_id,
        listener_arn=ground.entrance.balancer.listener_arn,
        certificate_arns={label: ground.certificates[label] for label in tenant.hosts},
        key_arn=ground.foundation.key.arn,
        access_logs=ground.foundation.logs,
        entrance=ground.entrance.balancer.alias_target,
        role_boundary=context.role_boundary,
    )
