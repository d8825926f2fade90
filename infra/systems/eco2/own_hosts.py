"""What a tenant hangs on the shared gateway is of its own hosts: else it is refused; and it is marked for the rule that judges it.

A transformation of the options that the cluster hands out, so that no tenant can forget it (docs/adr/0026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi

from infra.components.mesh.objects import NETWORKING_ALPHA, SECURITY

TENANT = "eco2.internal/tenant"
"""The annotation of what is at the gateway for a tenant: its Gateway and its allowances have the same."""

_POLICY, _FILTER = f"kubernetes:{SECURITY}:AuthorizationPolicy", f"kubernetes:{NETWORKING_ALPHA}:EnvoyFilter"


def at_the_edge(delivery: pulumi.ResourceOptions, system: str, hosts: Sequence[str]) -> pulumi.ResourceOptions:
    """The options with which a tenant registers what it has at the gateway; `ValueError` for another's host, or for all."""

    def own(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ not in (_POLICY, _FILTER):
            return None
        props: Mapping[str, Any] = args.props
        for host in _hosts(args.type_, props["spec"]):
            if host.removesuffix(":*") not in hosts:
                allowed = ", ".join(hosts) or "none: it declared no host"
                raise ValueError(f"{system}: {args.name} is about the host '{host}' at the gateway: allowed: {allowed}")
        return pulumi.ResourceTransformationResult({**props, "metadata": _marked(props["metadata"], system)}, args.opts)

    return pulumi.ResourceOptions.merge(delivery, pulumi.ResourceOptions(transformations=[own]))


def _marked(metadata: Mapping[str, Any], system: str) -> dict[str, Any]:
    """An object's metadata, which says whose it is."""
    return {**metadata, "annotations": {**metadata.get("annotations", {}), TENANT: system}}


def _hosts(kind: str, spec: Mapping[str, Any]) -> Iterator[str]:
    if kind == _FILTER:
        for patch in spec.get("configPatches", ()):
            virtual = patch.get("match", {}).get("routeConfiguration", {}).get("vhost", {}).get("name")
            if virtual:
                yield virtual.rpartition(":")[0]
        return
    for rule in spec.get("rules", ()):
        for target in rule.get("to") or [{}]:
            yield from target.get("operation", {}).get("hosts") or ["*"]
