"""§2 and §8: the VPC, and who may talk to whom."""

from __future__ import annotations

from infra.components.aws.foundation import Foundation, FoundationArgs, lay_foundation
from infra.systems.wealist import document
from infra.systems.wealist.context import Context


def build_network(context: Context) -> Foundation:
    """The VPC with its subnets and endpoints, the five groups, the key and the bucket of access logs."""
    network = context.settings.network
    return lay_foundation(
        context,
        FoundationArgs(
            cidr=network.cidr,
            zones=network.zones,
            nat=network.nat,
            flow_log_retention_days=network.flow_log_retention_days,
            access_log_bucket=context.bucket("access-logs"),
            access_log_retention_days=context.settings.load_balancer.log_retention_days,
            groups=document.GROUPS,
            edges=document.SECURITY_EDGES,
            interfaces=document.ENDPOINT_SERVICES,
        ),
    )
