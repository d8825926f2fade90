"""The fourteen machines of eco2, the tenants' workers beside them, and what each role may do.

Source: eco2.md, 노드 배치 (EC2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.components.aws.compute import Fleet, FleetArgs
from infra.components.aws.iam import Policies, PoliciesArgs, Role, RoleArgs, trust_service
from infra.components.aws.images import machine_image
from infra.components.aws.node import Node, NodeArgs
from infra.settings.eco2 import TenantWorkers
from infra.systems.eco2 import access, document
from infra.systems.eco2.bootstrap import CONTROL_PLANE, TENANTS, tenant_user_data, user_data
from infra.systems.eco2.context import Context
from infra.systems.eco2.network import PRIVATE_ZONE_TTL, Foundation, cluster_tag
from infra.systems.eco2.placement import TENANT
from infra.systems.eco2.storage import Storage

IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
"""The public SSM parameter that names the newest image of Amazon Linux 2023."""

PULLS = frozenset({"api", "worker", TENANT})
"""The roles whose pods are the project's own images; the others' come from their projects' registries."""

DESCRIPTIONS = {
    "control-plane": "The master",
    "api": "Nodes of the APIs",
    "data": "Nodes of PostgreSQL and Redis",
    "observability": "The monitoring node",
    "ingress": "The ingress gateway's node",
    "worker": "Nodes of the Celery workers",
    TENANT: "Workers of the mesh's tenants",
}


@dataclass(frozen=True, kw_only=True)
class Machines:
    """The documented nodes by their names, and the tenants' workers, if there are any."""

    nodes: Mapping[str, Node]
    tenants: Fleet | None


def node_table(context: Context) -> list[dict[str, str]]:
    """The document's nodes as rows: name, type, zone, role and what runs there."""
    return [
        {
            "name": node.name,
            "type": node.instance_type,
            "zone": context.zone(node.zone),
            "role": node.role,
            "runs": ", ".join(node.runs),
        }
        for node in document.NODES
    ]


def build_nodes(context: Context, foundation: Foundation, storage: Storage) -> Machines:
    """The fourteen, the master's name in the private zone, and the tenants' group where settings ask for it."""
    profiles = _profiles(context, foundation)
    image = machine_image(IMAGE_PARAMETER)
    nodes = {
        node.name: Node(
            context.names.logical(node.name),
            NodeArgs(
                node=node.name,
                instance_type=node.instance_type,
                image_id=image,
                user_data=user_data(context, node, storage.bundle),
                instance_profile=profiles[node.role],
                subnet_id=foundation.network.private_subnet_ids[node.zone],
                security_group_ids=[foundation.groups.ids[group] for group in foundation.groups_of(node)],
                volume_gib=context.settings.volumes.node_gib,
                # etcd is on the master's own disk; what databases hold is on volumes of the cluster.
                protect=context.protect and node.role == CONTROL_PLANE,
                tags=_tags(context, node.role),
                after=[storage.published],
            ),
        )
        for node in document.NODES
    }
    (master,) = (node.name for node in document.NODES if node.role == CONTROL_PLANE)
    foundation.private_zone.address(
        "control-plane", context.control_plane_host, nodes[master].private_ip, ttl=PRIVATE_ZONE_TTL
    )
    workers = context.settings.tenant_workers
    tenants = _tenants(context, foundation, storage, workers, profiles[TENANT]) if workers else None
    return Machines(nodes=nodes, tenants=tenants)


def _tags(context: Context, role: str) -> dict[str, str]:
    return {**context.tags, **cluster_tag(context), document.ROLE_TAG: role}


def _tenants(
    context: Context,
    foundation: Foundation,
    storage: Storage,
    workers: TenantWorkers,
    profile: pulumi.Input[str],
) -> Fleet:
    """Sized by the Cluster Autoscaler, which finds the group, and knows an empty one's nodes, by its tags."""
    autoscaler = "k8s.io/cluster-autoscaler"
    return Fleet(
        context.names.logical(TENANTS),
        FleetArgs(
            prefix=context.names.prefix,
            label=TENANTS,
            instance_type=workers.instance_type,
            image_id=machine_image(IMAGE_PARAMETER, workers.image_id),
            user_data=tenant_user_data(context, storage.bundle),
            instance_profile=profile,
            security_group_id=foundation.groups.ids["node"],
            subnet_ids=list(foundation.network.private_subnet_ids.values()),
            target_group_arns=[],
            minimum=workers.minimum,
            maximum=workers.maximum,
            cpu_target_percent=None,
            scaled_elsewhere=True,
            # A rolling refresh would not wait for pods to move.
            rolls=False,
            metadata_tags=False,
            volume_gib=context.settings.volumes.node_gib,
            tags=_tags(context, TENANT),
            group_tags={
                f"{autoscaler}/enabled": "true",
                f"{autoscaler}/{context.names.prefix}": "owned",
                f"{autoscaler}/node-template/label/{document.ROLE_LABEL}": TENANT,
            },
            after=[storage.published],
        ),
    )


def _profiles(context: Context, foundation: Foundation) -> dict[str, pulumi.Output[str]]:
    """An instance profile for each role, by its name."""
    roles = dict.fromkeys(node.role for node in document.NODES)
    wanted: Sequence[str] = [*roles, *([TENANT] if context.settings.tenant_workers else [])]
    shared = Policies(
        context.names.logical("node-policies"),
        PoliciesArgs(
            prefix=context.names.prefix,
            policies={
                "node": (*access.session_manager(), *access.fetch_bundle(context)),
                "node-join": access.join(context, foundation.key.arn),
                "node-images": access.pull_images(context),
            },
            tags=context.tags,
        ),
    ).arns
    return {role: _profile(context, foundation, role, shared) for role in wanted}


def _profile(
    context: Context, foundation: Foundation, role: str, shared: Mapping[str, pulumi.Output[str]]
) -> pulumi.Output[str]:
    master = role == CONTROL_PLANE
    attached = ["node", *([] if master else ["node-join"]), *(["node-images"] if role in PULLS else [])]
    label = f"node-{role}"
    made = Role(
        context.names.logical(label),
        RoleArgs(
            prefix=context.names.prefix,
            label=label,
            description=DESCRIPTIONS[role],
            trust=trust_service("ec2.amazonaws.com", account=context.account),
            policies={label: access.control_plane(context, foundation.key.arn)} if master else {},
            shared={one: shared[one] for one in attached},
            boundary=context.role_boundary,
            tags=context.tags,
        ),
    )
    name = context.names.physical(label)
    return aws.iam.InstanceProfile(
        context.names.logical(f"{label}-profile"), name=name, role=made.role_name, tags={**context.tags, "Name": name}
    ).name
