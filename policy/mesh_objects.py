"""Istio's objects as the rules read them: the mesh's configuration in istiod's chart, gateways, routes, policies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policy.kubernetes_objects import NAMESPACE, at, chart_values, charts, each, name_of, namespace_of, spec_of
from policy.remembered import once_per_resource
from policy.rules.model import Resource, Stack

AUTHORIZATION_POLICY = "kubernetes:security.istio.io/v1:AuthorizationPolicy"
REQUEST_AUTHENTICATION = "kubernetes:security.istio.io/v1:RequestAuthentication"
PEER_AUTHENTICATION = "kubernetes:security.istio.io/v1:PeerAuthentication"
GATEWAY = "kubernetes:networking.istio.io/v1:Gateway"
VIRTUAL_SERVICE = "kubernetes:networking.istio.io/v1:VirtualService"
DESTINATION_RULE = "kubernetes:networking.istio.io/v1:DestinationRule"
SERVICE_ENTRY = "kubernetes:networking.istio.io/v1:ServiceEntry"
SIDECAR = "kubernetes:networking.istio.io/v1:Sidecar"
ENVOY_FILTER = "kubernetes:networking.istio.io/v1alpha3:EnvoyFilter"
TELEMETRY = "kubernetes:telemetry.istio.io/v1:Telemetry"

ISTIOD = "istiod"
ISTIO_CHARTS = frozenset({"base", "cni", ISTIOD, "gateway", "ztunnel"})
ROOT = "istio-system"
"""Where policies hold for the whole mesh, unless the mesh's configuration says otherwise."""

TENANT = "eco2.internal/tenant"
"""The annotation of what is at the gateway for a tenant of the cluster; the cluster's own has none."""

INJECTED = "enabled"

CLUSTER_HOST = re.compile(r"(?P<service>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc\.cluster\.local")

DURATION = re.compile(r"(?P<amount>\d+(\.\d+)?)(?P<unit>ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: Any) -> float | None:
    """A duration as Istio writes it (`0.25s`) in seconds; None for what is none."""
    found = DURATION.fullmatch(str(duration))
    return float(found["amount"]) * SECONDS[found["unit"]] if found else None


def mesh_config(application: Resource) -> Iterator[Mapping[str, Any]]:
    """The mesh's configuration, if this Application installs istiod; empty when the chart is given none."""
    for chart, values in charts(application):
        if chart == ISTIOD:
            yield at(values, "meshConfig") or {}


def control_plane(stack: Stack) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Each Application that installs istiod, with the mesh's configuration. What is missing in the mesh is said of it."""
    for application, values in chart_values(stack, ISTIOD):
        yield application, at(values, "meshConfig") or {}


def root_namespaces(stack: Stack) -> frozenset[str]:
    return frozenset(at(config, "rootNamespace") or ROOT for _, config in control_plane(stack)) or frozenset({ROOT})


@once_per_resource
def workload_of(resource: Resource) -> Mapping[str, str]:
    """The labels that an Istio object picks its workloads by; empty for all of its namespace."""
    spec = spec_of(resource)
    return (
        at(spec, "selector", "matchLabels")
        or at(spec, "workloadSelector", "labels")
        or at(spec, "workloadSelector", "matchLabels")
        or {}
    )


@once_per_resource
def gateway_labels(gateway: Resource) -> Mapping[str, str]:
    """The labels of the pods that a Gateway configures."""
    return at(spec_of(gateway), "selector") or {}


def is_at_gateway(policy: Resource, gateway: Resource) -> bool:
    """Whether a policy or a filter holds for the gateway's pods: those of its namespace that have all the labels."""
    labels = gateway_labels(gateway)
    chosen = workload_of(policy)
    return namespace_of(policy) == namespace_of(gateway) and all(labels.get(key) == chosen[key] for key in chosen)


@once_per_resource
def action_of(policy: Resource) -> str:
    return str(at(spec_of(policy), "action") or "ALLOW")


@once_per_resource
def operations(policy: Resource) -> tuple[Mapping[str, Any], ...]:
    """What the rules of an AuthorizationPolicy are about; an empty one for a rule about everything."""
    found: list[Mapping[str, Any]] = []
    for rule in each(spec_of(policy), "rules"):
        targets = each(rule, "to")
        found.extend((at(target, "operation") or {} for target in targets) if targets else [{}])
    return tuple(found)


@once_per_resource
def served_hosts(gateway: Resource) -> frozenset[str]:
    """The hosts of a Gateway, without the namespaces whose routes it takes."""
    servers = each(spec_of(gateway), "servers")
    return frozenset(str(host).rpartition("/")[2] for server in servers for host in each(server, "hosts"))


def http_routes(route: Resource) -> list[Mapping[str, Any]]:
    return list(each(spec_of(route), "http"))


def gateways_of(route: Resource, stack: Stack) -> Iterator[Resource]:
    """The stack's Gateways that a VirtualService is bound to."""
    names = list(each(spec_of(route), "gateways"))
    for gateway in stack.of(GATEWAY):
        if f"{namespace_of(gateway)}/{name_of(gateway)}" in names or (
            name_of(gateway) in names and namespace_of(gateway) == namespace_of(route)
        ):
            yield gateway


def injected_namespaces(stack: Stack) -> frozenset[str]:
    """Those whose pods get a sidecar."""
    return frozenset(
        name_of(one)
        for one in stack.of(NAMESPACE)
        if at(one.props, "metadata", "labels", "istio-injection") == INJECTED
    )


def written(match: Mapping[str, Any]) -> str:
    """How a string is matched, as people write it: `prefix /api/`."""
    return ", ".join(f"{kind} {match[kind]}" for kind in match)
