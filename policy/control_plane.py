"""Which machines run a Kubernetes control plane: etcd keeps the cluster on their own disk."""

from __future__ import annotations

from policy.aws_types import INSTANCE
from policy.rules.model import Resource

ROLE, CONTROL_PLANE = "role", "control-plane"


def runs_control_plane(resource: Resource) -> bool:
    """By its tag for the role, whatever the prefix: `eco2.internal/role`."""
    tags = resource.props.get("tags") or {}
    return resource.type == INSTANCE and any(
        str(key).rsplit("/", 1)[-1].lower() == ROLE and tags[key] == CONTROL_PLANE for key in tags
    )
