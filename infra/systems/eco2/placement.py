"""Where the platform's charts run, and what they may use, in the words of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.systems.eco2.document import CONTROL_PLANE_TAINT, DEDICATED, ROLE_LABEL

Values = dict[str, Any]

STORAGE_CLASS = "gp3-encrypted"
"""The cluster's only StorageClass: encrypted gp3 whose volume outlives its claim."""

ON_MASTER: Values = {
    "nodeSelector": {CONTROL_PLANE_TAINT: ""},
    "tolerations": [{"key": CONTROL_PLANE_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
}
"""Where what the document gives no node runs: "Control Plane Layer" is on k8s-master."""

TENANT = "tenant"
"""The role of the tenants' workers, as a label of the machine and of the node."""

ON_TENANTS: Values = {"nodeSelector": {ROLE_LABEL: TENANT}}
"""What keeps tenants' data runs among them. What has rights in all of the cluster does not: a kubelet can get its pods' tokens."""

BEFORE_THE_NETWORK: list[Values] = [
    {"key": "node.cloudprovider.kubernetes.io/uninitialized", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"},
    *ON_MASTER["tolerations"],
]
"""The tolerations of what starts on nodes that have neither a network nor a zone yet: with all that others need for theirs."""

EVERYWHERE: list[Values] = [{"operator": "Exists"}]
"""The tolerations of what every node needs, also while it is drained: of DaemonSets alone, or what has one node."""

RESTRICTED: Values = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""A container's security context, as the restricted Pod Security Standard wants it."""


def on(dedicated: str) -> Values:
    """Where a pod runs that the document gives a node of its own."""
    return {
        "nodeSelector": {DEDICATED: dedicated},
        "tolerations": [{"key": DEDICATED, "operator": "Equal", "value": dedicated, "effect": "NoSchedule"}],
    }


WITH_VOLUMES = ("control-plane", "data", "observability", TENANT)
"""The roles of nodes whose pods have volumes: the others need no driver for them, for which t3.small has little room."""


def among(*roles: str) -> Values:
    """An affinity to the nodes of these roles, and to no others."""
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_term(roles)]}}}


def rather_among(*roles: str) -> Values:
    """The same where it can be had: the master has no role yet when its first pods start."""
    preferred = [{"weight": 100, "preference": _term(roles)}]
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _term(roles: Sequence[str]) -> Values:
    return {"matchExpressions": [{"key": ROLE_LABEL, "operator": "In", "values": list(roles)}]}


def resources(cpu: str, memory: str) -> Values:
    """Requests and a memory limit; a CPU limit would only throttle."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}
