"""eco2's platform control plane as Argo CD Applications (eco2.md: Control Plane Layer), and the charts that precede Argo CD.

The root Application, which the bootstrap applies, brings every rendered manifest of the system; the Applications among them bring
the charts, each in its wave, so that a chart's kinds and webhooks are there before what needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pulumi

from infra.components.cluster.deletion_guard import DeletionGuard, DeletionGuardArgs, Guarded
from infra.components.cluster.gitops import (
    APPLICATION_HEALTH,
    APPLICATION_HEALTH_KEY,
    ArgoObject,
    Chart,
    ChartApplicationArgs,
    Difference,
    ProjectArgs,
    RootApplicationArgs,
    chart_application,
    project,
)
from infra.components.cluster.gitops import root_application as application_of_applications
from infra.components.cluster.namespace import Namespace, NamespaceArgs, PodSecurity
from infra.systems.eco2 import mesh, observability, versions
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import HOMES, NAMESPACES
from infra.systems.eco2.placement import EVERYWHERE, ON_MASTER, RESTRICTED, STORAGE_CLASS, on, resources

Values = dict[str, Any]

PROJECT = "eco2"
CHARTS_PROJECT = "eco2-charts"


class Wave(IntEnum):
    """The turns of the root Application's objects; what has none, such as the workloads, is in wave 0."""

    NAMESPACES = -50
    NETWORK_KINDS = -47
    NODES = -45
    DELIVERY = -40
    CERTIFICATES = -36
    IDENTITY = -34
    CONTROLLERS = -32
    MESH_KINDS = -30
    MESH_NODES = -28
    MESH_CONTROL = -26
    MESH_RULES = mesh.RULES_WAVE
    MESH_EDGE = -18
    WORKLOADS = 0
    MESH_ROUTES = mesh.ROUTES_WAVE
    METRICS = 10
    METRICS_RULES = observability.RULES_WAVE
    DASHBOARDS = 14


@dataclass(frozen=True, kw_only=True)
class Part:
    """A chart of the platform: what it is for, its turn and its values."""

    chart: Chart
    wave: Wave
    values: Values
    differences: Sequence[Difference] = ()
    kept: bool = False


def bootstrap_charts(context: Context) -> Sequence[tuple[Chart, dict[str, Any]]]:
    """What the master installs before Argo CD can: the network's kinds, network, node identity, Argo CD itself, in this order.

    The Applications of the same charts have the same values, so that Argo CD adopts what it finds.
    """
    return (
        (versions.CALICO_KINDS, {}),
        (versions.CALICO, _calico(context)),
        (versions.CLOUD_CONTROLLER, _cloud_controller(context)),
        (versions.ARGO_CD, _argo_cd(context)),
    )


def root_project(context: Context) -> dict[str, Any]:
    """The AppProject of what this repository renders: neither roles of the whole cluster nor what runs beside the API server.

    The bootstrap applies it, and that of the charts, before `root_application`: an Application without its project idles.
    """
    return project(
        ProjectArgs(
            name=PROJECT,
            description="eco2: this repository's rendered manifests",
            sources=[context.settings.gitops.repository],
            namespaces=[
                *NAMESPACES,
                *sorted({*HOMES.values(), *PLATFORM_NAMESPACES} - {*NAMESPACES}),
                *context.tenant_namespaces,
            ],
            cluster_kinds=RENDERED_KINDS,
            signing_keys=list(context.settings.gitops.signing_keys),
            wave=Wave.NAMESPACES,
        )
    )


def charts_project(context: Context) -> dict[str, Any]:
    """The AppProject of the platform's charts: what they make in the whole cluster is theirs, and Git is no source of theirs."""
    charts = [part.chart for part in parts(context)]
    return project(
        ProjectArgs(
            name=CHARTS_PROJECT,
            description="eco2: the platform's charts",
            sources=sorted({chart.repository for chart in charts}),
            namespaces=sorted({"kube-system", *(chart.namespace for chart in charts)}),
            cluster_kinds=CHART_KINDS,
            wave=Wave.NAMESPACES,
        )
    )


def root_application(context: Context) -> dict[str, Any]:
    """The root Application's manifest, `eco2` on the stack's branch; it contains itself, and so can be changed by a commit."""
    return application_of_applications(
        RootApplicationArgs(
            name=PROJECT,
            project=PROJECT,
            repository=context.settings.gitops.repository,
            revision=context.manifests_branch,
            path=context.names.system,
        )
    )


PLATFORM_NAMESPACES: Mapping[str, PodSecurity] = {
    "argocd": "restricted",
    "cert-manager": "restricted",
    "external-dns": "restricted",
    "external-secrets": "restricted",
    "tigera-operator": "privileged",
}
"""The namespaces of what the document gives none, with their Pod Security Standard; the operator runs in the host's network."""

RENDERED_KINDS = (
    "/Namespace",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
    "external-secrets.io/ClusterSecretStore",
)
"""Every kind without a namespace that this repository renders."""

CHART_KINDS = (
    "/Namespace",
    "admissionregistration.k8s.io/MutatingWebhookConfiguration",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/CustomResourceDefinition",
    "crd.projectcalico.org/FelixConfiguration",
    "elbv2.k8s.aws/IngressClassParams",
    "networking.k8s.io/IngressClass",
    "operator.tigera.io/Installation",
    "rbac.authorization.k8s.io/ClusterRole",
    "rbac.authorization.k8s.io/ClusterRoleBinding",
    "scheduling.k8s.io/PriorityClass",
    "storage.k8s.io/CSIDriver",
    "storage.k8s.io/StorageClass",
)
"""Every kind without a namespace that the charts make."""

WEBHOOK_FIELDS = (
    Difference(
        group="admissionregistration.k8s.io",
        kind="ValidatingWebhookConfiguration",
        paths=[".webhooks[]?.failurePolicy", ".webhooks[]?.clientConfig.caBundle"],
    ),
    Difference(
        group="admissionregistration.k8s.io",
        kind="MutatingWebhookConfiguration",
        paths=[".webhooks[]?.clientConfig.caBundle"],
    ),
)
"""istiod fills in its own certificate, and refuses bad objects only once it is up."""


def parts(context: Context) -> Sequence[Part]:
    """Every chart of the platform, in the order of its wave."""
    calico_kinds, calico, cloud_controller, argo_cd = bootstrap_charts(context)
    found = [
        Part(chart=calico_kinds[0], wave=Wave.NETWORK_KINDS, values=calico_kinds[1], kept=True),
        Part(chart=calico[0], wave=Wave.NODES, values=calico[1], kept=True),
        Part(chart=cloud_controller[0], wave=Wave.NODES, values=cloud_controller[1]),
        Part(chart=argo_cd[0], wave=Wave.DELIVERY, values=argo_cd[1]),
        Part(chart=versions.CERT_MANAGER, wave=Wave.CERTIFICATES, values=_cert_manager()),
        Part(chart=versions.POD_IDENTITY_WEBHOOK, wave=Wave.IDENTITY, values=_pod_identity_webhook(context)),
        Part(chart=versions.EBS_CSI, wave=Wave.CONTROLLERS, values=_ebs_csi(context)),
        Part(chart=versions.EXTERNAL_SECRETS, wave=Wave.CONTROLLERS, values=_external_secrets(context)),
        Part(chart=versions.LOAD_BALANCER_CONTROLLER, wave=Wave.CONTROLLERS, values=_load_balancer_controller(context)),
        Part(chart=versions.EXTERNAL_DNS, wave=Wave.CONTROLLERS, values=_external_dns(context)),
    ]
    if context.settings.tenant_workers is not None:
        found.append(
            Part(chart=versions.CLUSTER_AUTOSCALER, wave=Wave.CONTROLLERS, values=_cluster_autoscaler(context))
        )
    return [
        *found,
        Part(chart=versions.ISTIO_BASE, wave=Wave.MESH_KINDS, values={}, differences=WEBHOOK_FIELDS),
        Part(chart=versions.ISTIO_CNI, wave=Wave.MESH_NODES, values=_istio_cni()),
        Part(chart=versions.ISTIOD, wave=Wave.MESH_CONTROL, values=_istiod(context), differences=WEBHOOK_FIELDS),
        Part(chart=versions.INGRESS_GATEWAY, wave=Wave.MESH_EDGE, values=_ingress_gateway()),
        Part(chart=versions.PROMETHEUS, wave=Wave.METRICS, values=observability.prometheus_values(context)),
        Part(chart=versions.GRAFANA, wave=Wave.DASHBOARDS, values=observability.grafana_values()),
    ]


def _service_account(context: Context, name: str, role: str) -> Values:
    """An account with one role of AWS; the webhook gives its pods a token for it."""
    return {"create": True, "name": name, "annotations": {"eks.amazonaws.com/role-arn": context.role_arn(role)}}


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
        "hostNetworking": True,
        "nodeSelector": ON_MASTER["nodeSelector"],
        "tolerations": [
            {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"},
            *ON_MASTER["tolerations"],
        ],
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
                APPLICATION_HEALTH_KEY: APPLICATION_HEALTH,
            },
            "params": {"server.insecure": False, "server.disable.auth": False},
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


def _cert_manager() -> Values:
    """Issues the webhooks' certificates, inside the cluster; the edge's is ACM's."""
    return {
        **ON_MASTER,
        "crds": {"enabled": True, "keep": True},
        "global": {"leaderElection": {"namespace": "cert-manager"}},
        "resources": resources("20m", "128Mi"),
        "webhook": {**ON_MASTER, "resources": resources("10m", "64Mi")},
        "cainjector": {**ON_MASTER, "resources": resources("20m", "256Mi")},
        "startupapicheck": {**ON_MASTER, "resources": resources("10m", "64Mi")},
    }


def _pod_identity_webhook(context: Context) -> Values:
    """Gives pods of accounts with a role the token that AWS takes for it."""
    return {
        **ON_MASTER,
        "replicaCount": 1,
        # Refusing every pod while it is away would include its own.
        "mutatingWebhook": {"failurePolicy": "Ignore"},
        "config": {
            "annotationPrefix": "eks.amazonaws.com",
            "tokenAudience": "sts.amazonaws.com",
            "defaultAwsRegion": context.region,
        },
        "pki": {"certManager": {"enabled": True}},
        "securityContext": {**RESTRICTED, "runAsUser": 65534, "runAsGroup": 65534},
        "resources": resources("10m", "64Mi"),
    }


def _ebs_csi(context: Context) -> Values:
    """Persistent volumes: encrypted gp3, made where the pod is, kept when the claim goes."""
    return {
        "controller": {
            **ON_MASTER,
            "replicaCount": 1,
            "region": context.region,
            "k8sTagClusterId": context.names.prefix,
            "extraVolumeTags": context.tags,
            "serviceAccount": _service_account(context, "ebs-csi-controller-sa", "ebs-csi"),
            "resources": resources("20m", "256Mi"),
        },
        # The instance's metadata answers no pod: the node's labels say what the driver needs.
        "node": {
            "tolerateAllTaints": True,
            "metadataSources": "kubernetes",
            "resources": resources("10m", "128Mi"),
        },
        "storageClasses": [
            {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                "volumeBindingMode": "WaitForFirstConsumer",
                "reclaimPolicy": "Retain",
                "allowVolumeExpansion": True,
                "parameters": {"type": "gp3", "encrypted": "true", "csi.storage.k8s.io/fstype": "ext4"},
            }
        ],
    }


def _external_secrets(context: Context) -> Values:
    return {
        **ON_MASTER,
        "installCRDs": True,
        "replicaCount": 1,
        "serviceAccount": _service_account(context, "external-secrets", "external-secrets"),
        "resources": resources("20m", "256Mi"),
        "webhook": {**ON_MASTER, "resources": resources("10m", "64Mi")},
        "certController": {**ON_MASTER, "resources": resources("10m", "128Mi")},
    }


def _load_balancer_controller(context: Context) -> Values:
    return {
        **ON_MASTER,
        "replicaCount": 1,
        "clusterName": context.names.prefix,
        "region": context.region,
        # By the VPC's name: the instance's metadata, where it would look otherwise, answers no pod.
        "vpcTags": {"Name": context.names.physical("vpc")},
        "defaultTargetType": "instance",
        "defaultTags": context.tags,
        # The chart's own certificate would be another one at every rendering.
        "enableCertManager": True,
        # No Service here asks for a load balancer, and its webhook, which fails closed, would stand before every Service.
        "enableServiceMutatorWebhook": False,
        # The document's load balancer has its firewall from Pulumi, and the account has no Shield.
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        "serviceAccount": _service_account(context, "aws-load-balancer-controller", "aws-load-balancer-controller"),
        "resources": resources("20m", "256Mi"),
        "securityContext": RESTRICTED,
    }


def _external_dns(context: Context) -> Values:
    """Records below a label of the domain, which are all that its role may write: Pulumi's are elsewhere."""
    return {
        **ON_MASTER,
        "provider": {"name": "aws"},
        "sources": ["service", "ingress"],
        "policy": "sync",
        "registry": "txt",
        "txtOwnerId": context.names.prefix,
        "domainFilters": [context.published_domain],
        # Without the second no zone matches the filter, since the zone is its parent's.
        "extraArgs": ["--aws-zone-type=public", "--aws-zone-match-parent"],
        "env": [{"name": "AWS_DEFAULT_REGION", "value": context.region}],
        "serviceAccount": _service_account(context, "external-dns", "external-dns"),
        "securityContext": {**RESTRICTED, "runAsUser": 65532, "runAsGroup": 65532},
        "resources": resources("10m", "128Mi"),
    }


def _cluster_autoscaler(context: Context) -> Values:
    """Sizes the tenants' group; the documented fourteen are in none."""
    return {
        **ON_MASTER,
        "image": {"tag": versions.CLUSTER_AUTOSCALER_IMAGE},
        "cloudProvider": "aws",
        "awsRegion": context.region,
        "autoDiscovery": {"clusterName": context.names.prefix},
        "rbac": {"serviceAccount": _service_account(context, "cluster-autoscaler", "cluster-autoscaler")},
        "extraArgs": {"balance-similar-node-groups": True, "skip-nodes-with-system-pods": False},
        "containerSecurityContext": {**RESTRICTED, "runAsUser": 65534, "runAsGroup": 65534},
        "resources": resources("20m", "256Mi"),
    }


def _istio_cni() -> Values:
    """Redirects the pods' traffic from the node, so that the pods themselves need no privilege."""
    return {
        "hub": versions.ISTIO_IMAGES,
        "tolerations": EVERYWHERE,
        "excludeNamespaces": ["kube-system"],
        "resources": resources("20m", "128Mi"),
    }


def _istiod(context: Context) -> Values:
    return {
        **ON_MASTER,
        "autoscaleEnabled": False,
        "replicaCount": 1,
        "resources": resources("200m", "1Gi"),
        "seccompProfile": {"type": "RuntimeDefault"},
        "cni": {"enabled": True},
        "env": {"ENABLE_NATIVE_SIDECARS": "true"},
        "global": {
            "hub": versions.ISTIO_IMAGES,
            "istioNamespace": "istio-system",
            "defaultPodDisruptionBudget": {"enabled": False},
            "proxy": {"resources": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}},
        },
        "meshConfig": mesh.mesh_configuration(context.tenants),
    }


def _without_cpu_limit(wanted: Values) -> Values:
    """The gateway's chart leaves out what is empty; a null is lost in an Application's `valuesObject` (argo-cd issue 16312)."""
    return {**wanted, "limits": {**wanted["limits"], "cpu": ""}}


def _ingress_gateway() -> Values:
    """On k8s-ingress-gateway, behind two node ports: the load balancer's target and its health check."""
    return {
        **on("ingress-gateway"),
        "replicaCount": 1,
        "autoscaling": {"enabled": False},
        # Node ports keep the client's address only on the node of the pod, which is the only target.
        "service": {
            "type": "NodePort",
            "externalTrafficPolicy": "Local",
            "ports": [
                {
                    "name": "http",
                    "port": 80,
                    "targetPort": mesh.GATEWAY_CONTAINER_PORT,
                    "nodePort": mesh.GATEWAY_NODE_PORT,
                },
                {"name": "status-port", "port": 15021, "targetPort": 15021, "nodePort": mesh.STATUS_NODE_PORT},
            ],
        },
        "resources": _without_cpu_limit(resources("500m", "1Gi")),
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containerSecurityContext": {**RESTRICTED, "runAsUser": 1337, "runAsGroup": 1337},
    }


def network_guard() -> DeletionGuardArgs:
    """Calico's chart takes the network away as it goes (its hook `pre-delete`), and so does whoever deletes what it stands on."""
    return DeletionGuardArgs(
        name="eco2-pod-network",
        guarded=[
            Guarded(
                group="argoproj.io",
                resource="applications",
                names=[versions.CALICO_KINDS.release, versions.CALICO.release, PROJECT],
            ),
            Guarded(group="operator.tigera.io", resource="installations", names=["default"]),
            Guarded(group="crd.projectcalico.org", resource="felixconfigurations", names=["default"]),
            Guarded(
                group="apiextensions.k8s.io",
                resource="customresourcedefinitions",
                names=["installations.operator.tigera.io"],
            ),
            Guarded(group="", resource="namespaces", names=[versions.CALICO.namespace, "calico-system"]),
        ],
        permit="eco2.internal/may-be-deleted",
        why="With this object goes every pod's network (docs/runbooks/eco2-pod-network.md).",
        wave=Wave.NAMESPACES,
    )


def _minor() -> str:
    """The version of Kubernetes whose Pod Security Standard is meant, `v1.36`."""
    return "v" + versions.KUBERNETES.rpartition(".")[0]


def build_platform(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register the projects, the root Application, the platform's namespaces and an Application for every chart."""
    room = context.names.logical("platform")
    ArgoObject(f"{room}-project", root_project(context), opts)
    ArgoObject(f"{room}-charts-project", charts_project(context), opts)
    ArgoObject(f"{room}-root", root_application(context), opts)
    for namespace, standard in PLATFORM_NAMESPACES.items():
        Namespace(
            f"{room}-{namespace}",
            NamespaceArgs(namespace=namespace, kubernetes=_minor(), security=standard, wave=Wave.NAMESPACES),
            opts,
        )
    DeletionGuard(f"{room}-network-guard", network_guard(), opts)
    for part in parts(context):
        args = ChartApplicationArgs(
            chart=part.chart,
            values=part.values,
            wave=part.wave,
            project=CHARTS_PROJECT,
            differences=part.differences,
            kept=part.kept,
        )
        ArgoObject(f"{room}-{part.chart.release}", chart_application(args), opts)
