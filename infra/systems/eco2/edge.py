"""The way in: Route53, the ALB, and the firewall in front of the mesh's gateway.

Source: eco2.md, External in 전체 아키텍처: User → Route 53 → ALB (HTTPS 443) → Istio Ingress Gateway.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.components.aws.dns import HostedZone
from infra.components.aws.foundation import EntranceArgs, open_entrance
from infra.components.aws.load_balancer import Forward, LoadBalancer, Target
from infra.components.aws.waf import ManagedRules, WebFirewall, WebFirewallArgs
from infra.systems.eco2 import document
from infra.systems.eco2.context import Context
from infra.systems.eco2.mesh import GATEWAY_NODE_PORT, STATUS_NODE_PORT
from infra.systems.eco2.network import Foundation
from infra.systems.eco2.nodes import Machines

GATEWAY_HEALTH = "/healthz/ready"
"""Where the gateway's proxy says that it has its configuration and takes requests."""

TARGET = "ingress"

MANAGED_RULES = (
    # First what costs nothing to tell. Uploads of images are larger than the 8 KiB of a body that the common rules allow.
    ManagedRules(group="AWSManagedRulesAmazonIpReputationList"),
    ManagedRules(group="AWSManagedRulesKnownBadInputsRuleSet"),
    ManagedRules(
        group="AWSManagedRulesCommonRuleSet",
        counted=("SizeRestrictions_BODY",),
        not_on_uploads={
            "CrossSiteScripting_BODY": "awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body",
            "GenericLFI_BODY": "awswaf:managed:aws:core-rule-set:GenericLFI_Body",
        },
    ),
)
"""Rules and labels as AWS names them ("Baseline rule groups" of the AWS WAF developer guide, read 2026-11-28)."""

UPLOADS = ("/api/v1/image/",)
"""Where images arrive: among random bytes, two dots or an opening tag are no attack."""

REDACTED_HEADERS = ("authorization", "cookie", "x-refresh-token")
"""What would let a reader of the log act as the user."""


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """The load balancer and its firewall."""

    balancer: LoadBalancer
    firewall: WebFirewall
    access_logs: pulumi.Output[str]
    """The bucket that gets the access logs of buckets."""


def build_edge(context: Context, foundation: Foundation, zone: HostedZone, machines: Machines) -> Entrance:
    """The ALB for the API's host, its target the ingress gateway's node, and its firewall."""
    edge = context.settings.edge
    balancer = open_entrance(
        context,
        foundation,
        zone,
        EntranceArgs(
            host=context.api_host,
            targets={TARGET: Target(port=GATEWAY_NODE_PORT, health_path=GATEWAY_HEALTH, health_port=STATUS_NODE_PORT)},
            # Paths are the mesh's to tell apart; another host's requests are not for it.
            rules=(Forward(target=TARGET, paths=("/*",), hosts=(context.api_host,)),),
            idle_seconds=edge.idle_timeout_seconds,
            deletion_protection=edge.deletion_protection,
        ),
    )
    (gateway,) = (node.name for node in document.NODES if node.role == "ingress")
    balancer.attach(TARGET, gateway, machines.nodes[gateway].instance_id)
    return Entrance(
        balancer=balancer,
        firewall=_firewall(context, foundation, balancer),
        access_logs=foundation.logs.bucket,
    )


def _firewall(context: Context, foundation: Foundation, balancer: LoadBalancer) -> WebFirewall:
    return WebFirewall(
        context.names.logical("waf"),
        WebFirewallArgs(
            prefix=context.names.prefix,
            resource_arn=balancer.arn,
            managed=MANAGED_RULES,
            requests_per_5_minutes=context.settings.edge.requests_per_5_minutes,
            redacted_headers=REDACTED_HEADERS,
            upload_paths=UPLOADS,
            log_retention_days=context.settings.network.flow_log_retention_days,
            log_key_arn=foundation.key.arn,
            tags=context.tags,
        ),
    )
