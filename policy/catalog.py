"""All rules, by area: the one list that tests, rehearsals and the engine's pack take them from."""

from __future__ import annotations

from dataclasses import dataclass

from policy.rules import (
    aws_access,
    aws_compute,
    aws_data,
    aws_edge,
    aws_firewall,
    aws_network,
    aws_operations,
    aws_sites,
    aws_storage,
    bootstrap_charts,
    cost_budget,
    kubernetes_access,
    kubernetes_delivery,
    kubernetes_namespaces,
    kubernetes_placement,
    kubernetes_pods,
    kubernetes_releases,
    kubernetes_workloads,
    mesh_configuration,
    mesh_security,
    mesh_tokens,
    mesh_traffic,
)
from policy.rules.model import Rule


@dataclass(frozen=True, kw_only=True)
class Area:
    """Rules that belong together; the pages call them by the title."""

    title: str
    rules: tuple[Rule, ...]


AREAS = (
    Area(title="AWS: networks", rules=aws_network.RULES),
    Area(title="AWS: load balancers and certificates", rules=aws_edge.RULES),
    Area(title="AWS: firewalls", rules=aws_firewall.RULES),
    Area(title="AWS: sites", rules=aws_sites.RULES),
    Area(title="AWS: identity and permissions", rules=aws_access.RULES),
    Area(title="AWS: machines and releases", rules=aws_compute.RULES),
    Area(title="AWS: buckets and images", rules=aws_storage.RULES),
    Area(title="AWS: databases and caches", rules=aws_data.RULES),
    Area(title="AWS: keys, parameters, logs, alarms", rules=aws_operations.RULES),
    Area(title="Cost", rules=cost_budget.RULES),
    Area(title="Kubernetes: pods", rules=kubernetes_pods.RULES),
    Area(title="Kubernetes: workloads", rules=kubernetes_workloads.RULES),
    Area(title="Kubernetes: places on nodes", rules=kubernetes_placement.RULES),
    Area(title="Kubernetes: releases", rules=kubernetes_releases.RULES),
    Area(title="Kubernetes: namespaces", rules=kubernetes_namespaces.RULES),
    Area(title="Kubernetes: accounts and secrets", rules=kubernetes_access.RULES),
    Area(title="Kubernetes: delivery", rules=kubernetes_delivery.RULES),
    Area(title="Kubernetes: bootstrap", rules=bootstrap_charts.RULES),
    Area(title="Mesh: security", rules=mesh_security.RULES),
    Area(title="Mesh: tenants' own tokens", rules=mesh_tokens.RULES),
    Area(title="Mesh: ways in, through and out", rules=mesh_traffic.RULES),
    Area(title="Mesh: configuration", rules=mesh_configuration.RULES),
)

ALL_RULES: tuple[Rule, ...] = tuple(rule for area in AREAS for rule in area.rules)

NAMES = frozenset(rule.name for rule in ALL_RULES)
