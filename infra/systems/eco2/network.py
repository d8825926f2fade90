"""Eco2's own VPC and all that its machines share: the key, the access logs, the private zone, who may talk to whom.

Source: eco2.md, "AWS VPC" in 전체 아키텍처, and 노드 배치 (EC2).
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.components.aws import foundation
from infra.components.aws.dns import PrivateZone
from infra.components.aws.foundation import FoundationArgs, lay_foundation
from infra.components.aws.security_groups import Edge
from infra.systems.eco2 import access
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import Node
from infra.systems.eco2.mesh import GATEWAY_NODE_PORT, STATUS_NODE_PORT

API_SERVER_PORT, KUBELET_PORT, NODE_METRICS_PORT = 6443, 10250, 9100
VXLAN_PORT, WIREGUARD_PORT, TYPHA_PORT = 4789, 51820, 5473

ENDPOINT_SERVICES = ("ssm", "ssmmessages", "ec2messages")
"""Session Manager and the join token must not depend on the NAT gateway. Images do anyway: most registries are not AWS's,
and the layers of ECR's come through S3's gateway; STS and KMS are asked too seldom for an endpoint in each zone."""

GROUPS = {
    "node": "Every machine of the cluster",
    "control-plane": "The master",
    "monitoring": "The monitoring node",
    "ingress": "Node of the ingress gateway",
    "alb": "Load balancer",
    "endpoints": "VPC endpoints",
}
"""Every machine is in `node`; the master, the monitoring node and the ingress gateway's are in their own besides."""

GROUPS_OF_ROLE = {"control-plane": "control-plane", "observability": "monitoring", "ingress": "ingress"}
"""The second security group of a node, by its role."""

SECURITY_EDGES = (
    Edge(source="anywhere", target="alb", port=80, why="Clients, only to be redirected to HTTPS"),
    Edge(source="anywhere", target="alb", port=443, why="Clients"),
    Edge(source="alb", target="ingress", port=GATEWAY_NODE_PORT, why="HTTP of the gateway"),
    Edge(source="alb", target="ingress", port=STATUS_NODE_PORT, why="Readiness of the gateway"),
    Edge(source="node", target="node", port=VXLAN_PORT, protocol="udp", why="Pods to pods, before nodes have keys"),
    Edge(source="node", target="node", port=WIREGUARD_PORT, protocol="udp", why="Pods to pods: Calico, encrypted"),
    Edge(source="node", target="node", port=TYPHA_PORT, why="Calico on each node asks Typha, which runs on some"),
    Edge(source="node", target="control-plane", port=API_SERVER_PORT, why="Kubelets and pods ask the API server"),
    Edge(source="control-plane", target="node", port=KUBELET_PORT, why="Logs, exec and metrics from kubelets"),
    Edge(source="monitoring", target="node", port=KUBELET_PORT, why="Prometheus scrapes kubelets"),
    Edge(source="control-plane", target="node", port=NODE_METRICS_PORT, why="Prometheus on the master scrapes nodes"),
    Edge(source="monitoring", target="node", port=NODE_METRICS_PORT, why="Prometheus scrapes nodes"),
    Edge(source="vpc", target="endpoints", port=443, why="AWS services from within the VPC"),
    Edge(source="node", target="anywhere", port=443, why="Registries, package mirrors, AWS APIs, OAuth providers"),
)
"""All that passes between machines. What pods say to each other is inside the overlay, where NetworkPolicies and the mesh
decide. etcd (2379, 2380) has no edge: with one master nothing but that machine itself speaks to it. DNS and time have
none either: the VPC's resolver and clock answer on link-local addresses, which security groups do not filter."""

PRIVATE_ZONE_TTL = 60
"""How long a node that looks for the control plane may still find the one before."""


@dataclass(frozen=True, kw_only=True)
class Foundation(foundation.Foundation):
    """What everything else stands on, and the zone in which machines find the control plane."""

    private_zone: PrivateZone

    def groups_of(self, node: Node) -> list[str]:
        """The names of a node's security groups."""
        own = GROUPS_OF_ROLE.get(node.role)
        return ["node", own] if own else ["node"]


def cluster_tag(context: Context) -> dict[str, str]:
    """How Kubernetes' controllers tell the cluster's machines and groups from others in the account."""
    return {f"kubernetes.io/cluster/{context.names.prefix}": "owned"}


def _verified_clients(context: Context) -> list[Edge]:
    """The ports of hosts whose clients show a certificate."""
    return [
        Edge(source="anywhere", target="alb", port=one.port, why=f"Clients of {label} with a certificate")
        for label, one in context.client_certificates.items()
    ]


def build_network(context: Context) -> Foundation:
    """The VPC with its subnets, endpoints and private zone, the security groups, the key and the bucket of access logs."""
    network = context.settings.network
    laid = lay_foundation(
        context,
        FoundationArgs(
            cidr=network.cidr,
            zones=network.zones,
            nat=network.nat,
            flow_log_retention_days=network.flow_log_retention_days,
            access_log_bucket=context.bucket("access-logs"),
            access_log_retention_days=context.settings.edge.log_retention_days,
            groups=GROUPS,
            edges=[*SECURITY_EDGES, *_verified_clients(context)],
            interfaces=ENDPOINT_SERVICES,
            key_denials=[access.reserved_for_the_master(context)],
            # Where the AWS Load Balancer Controller may put load balancers.
            public_subnet_tags={"kubernetes.io/role/elb": "1"},
            # The controllers want exactly one group of a machine to be the cluster's.
            group_tags={"node": cluster_tag(context)},
        ),
    )
    return Foundation(
        key=laid.key,
        logs=laid.logs,
        network=laid.network,
        groups=laid.groups,
        private_zone=PrivateZone(
            context.names.logical("private-dns"),
            context.control_plane_host.partition(".")[2],
            vpc_id=laid.network.vpc_id,
            protect=context.protect,
            tags=context.tags,
        ),
    )
