"""Eco2 (eco2.md): fourteen nodes, a Kubernetes cluster that boots itself, and its mesh.

Read `build` top to bottom; docs/systems/eco2.md maps each fact to its test. What the document says is in `document.py`, as data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.components.aws.foundation import open_zone
from infra.components.cluster.delivery import applied
from infra.contract import Cluster, Tenant
from infra.exports import SystemOutputs
from infra.settings import Settings
from infra.settings.eco2 import KUBECONFIG
from infra.systems.eco2.alarms import build_alarms
from infra.systems.eco2.context import Context, make_context
from infra.systems.eco2.data import build_data
from infra.systems.eco2.deliveries import build_deliveries
from infra.systems.eco2.edge import build_edge
from infra.systems.eco2.identity import build_identity
from infra.systems.eco2.mesh import build_mesh
from infra.systems.eco2.namespaces import build_namespaces
from infra.systems.eco2.needs import build_needs
from infra.systems.eco2.network import build_network
from infra.systems.eco2.network_policies import build_network_policies
from infra.systems.eco2.nodes import build_nodes, node_table
from infra.systems.eco2.observability import build_observability
from infra.systems.eco2.platform import build_platform
from infra.systems.eco2.rate_limits import build_rate_limits
from infra.systems.eco2.secrets import build_secrets
from infra.systems.eco2.storage import build_storage
from infra.systems.eco2.tenant_edge import build_tenant_edge
from infra.systems.eco2.tenants import Ground, build_entrances, build_tenants, check_tenants, hand_out
from infra.systems.eco2.workloads import build_workloads

NAME = "eco2"

CLUSTER = (
    build_namespaces,
    build_platform,
    build_network_policies,
    build_secrets,
    build_data,
    build_workloads,
    build_rate_limits,
    build_mesh,
    build_observability,
    build_deliveries,
    build_needs,
    build_tenants,
    build_tenant_edge,
)
"""What the cluster runs, in the order in which it comes up; Argo CD waits by each object's sync wave."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The outputs are what its users and its deployments need to know; the clusters what each tenant may stand on, by system."""

    outputs: SystemOutputs
    clusters: Mapping[str, Cluster]


def build(settings: Settings, tenants: Sequence[Tenant]) -> Standing:
    """Stand up the whole document, and what its tenants add to it."""
    if settings.eco2 is None:
        raise ValueError("the settings have no section 'eco2'")
    context = make_context(settings, settings.eco2, tenants)
    check_tenants(context)
    foundation = build_network(context)
    zone = open_zone(context, context.settings.domain)
    identity = build_identity(context, foundation, zone)
    storage = build_storage(context, settings, foundation, identity)
    machines = build_nodes(context, foundation, storage)
    entrance = build_edge(context, foundation, zone, machines)
    build_alarms(context, foundation, machines, entrance)
    certificates = build_entrances(context, zone, entrance)
    deliveries = {system: _delivery(context, settings, system) for system in (NAME, *(one.system for one in tenants))}
    for room in CLUSTER:
        room(context, deliveries[NAME])
    outputs: SystemOutputs = {
        "vpc_id": foundation.network.vpc_id,
        "api_url": f"https://{context.api_host}",
        "issuer_url": f"https://{context.issuer_host}",
        "name_servers": zone.name_servers,
        "load_balancer_dns_name": entrance.balancer.alias_target.dns_name,
        "control_plane": f"https://{context.control_plane_host}:6443",
        "parameter_path": context.parameter_path,
        "repository_urls": storage.registry.urls,
        "nodes": node_table(context),
    }
    ground = Ground(
        foundation=foundation,
        zone=zone,
        identity=identity,
        entrance=entrance,
        certificates=certificates,
        deliveries=deliveries,
    )
    return Standing(outputs=outputs, clusters=hand_out(context, ground))


def _delivery(context: Context, settings: Settings, system: str) -> pulumi.ResourceOptions:
    """A system's objects go where the stack says: to the cluster, or as files to Argo CD."""
    if context.settings.delivery == "render":
        return pulumi.ResourceOptions()
    return pulumi.ResourceOptions(provider=applied(f"{system}-cluster", settings.secret(KUBECONFIG)))
