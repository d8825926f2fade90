"""The charts that the master installs before Argo CD can, and that Argo CD then adopts (eco2.md: Control Plane Layer)."""

from __future__ import annotations

from collections.abc import Sequence

from infra.components.cluster.gitops import (
    APPLICATION_HEALTH_KEY,
    DEFINITIONS_DIFFERENCES,
    DEFINITIONS_DIFFERENCES_KEY,
    Chart,
    application_health,
)
from infra.systems.eco2 import versions
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import DEDICATED
from infra.systems.eco2.parts import Values
from infra.systems.eco2.placement import (
    BEFORE_THE_NETWORK,
    EVERYWHERE,
    ON_MASTER,
    WITH_VOLUMES,
    rather_among,
    resources,
)

SYNC_SECONDS = 3600
"""How long a sync may take, waves that wait included: more than the first one of an empty cluster."""


def bootstrap_charts(context: Context) -> Sequence[tuple[Chart, Values]]:
    """What the master installs before Argo CD can: the network's kinds, network, node identity, Argo CD itself, in this order.

    The Applications of the same charts have the same values, so that Argo CD adopts what it finds.
    """
    return (
        (versions.CALICO_KINDS, {}),
        (versions.CALICO, _calico(context)),
        (versions.CLOUD_CONTROLLER, _cloud_controller(context)),
        (versions.ARGO_CD, _argo_cd(context)),
    )


def _calico(context: Context) -> Values:
    """Pod network in VXLAN, with NetworkPolicy; every field of the pool, since the operator fills in those that are left out.

    Between nodes WireGuard takes VXLAN's place; Felix sets pods' MTU 60 below the link's, and opens `network.WIREGUARD_PORT`.
    """
    pool = {
        "name": "default-ipv4-ippool",
        "cidr": context.settings.kubernetes.pod_cidr,
        "encapsulation": "VXLAN",
        "natOutgoing": "Enabled",
        "nodeSelector": "all()",
        "blockSize": 26,
        "disableBGPExport": False,
        "disableNewAllocations": False,
        "allowedUses": ["Workload", "Tunnel"],
        "assignmentMode": "Automatic",
    }
    return {
        "installation": {
            "enabled": True,
            "cni": {"type": "Calico", "ipam": {"type": "Calico"}},
            "calicoNetwork": {"bgp": "Disabled", "ipPools": [pool]},
            "controlPlaneReplicas": 1,
            "controlPlaneNodeSelector": ON_MASTER["nodeSelector"],
            "controlPlaneTolerations": ON_MASTER["tolerations"],
            "calicoNodeDaemonSet": _told("calico-node", "100m", "128Mi", "384Mi"),
            "calicoKubeControllersDeployment": _told("calico-kube-controllers", "20m", "128Mi", "256Mi"),
            # Three, each on a node of its own: with no tolerations but the control plane's, which it gives them, two would wait.
            # With every toleration they would come back to a node that is drained, and stay on one that is lost.
            "typhaDeployment": _told(
                "calico-typha",
                "50m",
                "64Mi",
                "192Mi",
                tolerations=[*BEFORE_THE_NETWORK, {"key": DEDICATED, "operator": "Exists", "effect": "NoSchedule"}],
                affinity=rather_among(*WITH_VOLUMES),
            ),
            # No pod here mounts Calico's own kind of volume.
            "kubeletVolumePluginPath": "None",
        },
        "defaultFelixConfiguration": {"enabled": True, "wireguardEnabled": True},
        # Its own API server and flow viewer: Kubernetes' NetworkPolicy needs neither.
        "apiServer": {"enabled": False},
        "goldmane": {"enabled": False},
        "whisker": {"enabled": False},
        "tolerations": EVERYWHERE,
        "nodeSelector": ON_MASTER["nodeSelector"],
        "resources": resources("100m", "256Mi"),
    }


def _told(container: str, cpu: str, memory: str, limit: str, **pod: object) -> Values:
    """What the operator is told of the pods of one of its parts; without, they ask for nothing, and no node counts them."""
    asked = {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}
    return {"spec": {"template": {"spec": {**pod, "containers": [{"name": container, "resources": asked}]}}}}


_CLOUD_CONTROLLER_RIGHTS: Sequence[Values] = (
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch", "update", "patch", "delete"]},
    {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch", "update"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
    # Who may read its metrics.
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
    {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
)
"""What its two controllers and its election ask for, by k8s.io/cloud-provider 0.36.3 (controllers/node, controllers/nodelifecycle,
node/helpers, app). The chart's own list is for all its controllers, and has every account's token and every Service too."""


def _cloud_controller(context: Context) -> Values:
    """Gives nodes their zone and addresses, and forgets those that EC2 has ended; load balancers and routes are not its affair."""
    return {
        "image": {
            "repository": "registry.k8s.io/provider-aws/cloud-controller-manager",
            "tag": versions.CLOUD_CONTROLLER_IMAGE,
        },
        "args": [
            "--v=2",
            "--cloud-provider=aws",
            f"--cluster-name={context.names.prefix}",
            "--controllers=cloud-node-controller,cloud-node-lifecycle-controller",
            "--configure-cloud-routes=false",
            "--allocate-node-cidrs=false",
        ],
        "clusterRoleRules": list(_CLOUD_CONTROLLER_RIGHTS),
        "hostNetworking": True,
        "nodeSelector": ON_MASTER["nodeSelector"],
        "tolerations": BEFORE_THE_NETWORK,
        "resources": resources("50m", "128Mi"),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def _argo_cd(context: Context) -> Values:
    """Without a login of its own: people use `argocd admin dashboard` or `--core` with the cluster's credentials, on the master."""
    return {
        "global": {**ON_MASTER, "networkPolicy": {"create": True, "defaultDenyIngress": True}},
        "crds": {"install": True, "keep": True},
        "configs": {
            "cm": {
                "admin.enabled": False,
                "users.anonymous.enabled": False,
                "exec.enabled": False,
                "application.resourceTrackingMethod": "annotation",
                APPLICATION_HEALTH_KEY: application_health(context.names.system),
                DEFINITIONS_DIFFERENCES_KEY: DEFINITIONS_DIFFERENCES,
            },
            "params": {
                "server.insecure": False,
                "server.disable.auth": False,
                # A wave that never gets healthy ends after that, and the next commit has its turn.
                "controller.sync.timeout.seconds": SYNC_SECONDS,
            },
            "rbac": {"policy.default": "role:readonly", "policy.csv": ""},
            "secret": {"createSecret": True},
            "gpg": {"keys": dict(context.settings.gitops.signing_keys)},
        },
        "dex": {"enabled": False},
        "notifications": {"enabled": False},
        # Nothing here is made from templates of Applications.
        "applicationSet": {"replicas": 0},
        "server": {
            "service": {"type": "ClusterIP"},
            "ingress": {"enabled": False},
            "resources": resources("50m", "256Mi"),
        },
        "controller": {"replicas": 1, "resources": resources("250m", "1Gi")},
        "repoServer": {"replicas": 1, "resources": resources("100m", "512Mi")},
        "redis": {"resources": resources("50m", "128Mi")},
    }
