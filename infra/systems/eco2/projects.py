"""Argo CD's projects, which say what each part of the cluster may make and where, and the root Application (eco2.md: ArgoCD)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.components.cluster.gitops import ProjectArgs, RootApplicationArgs, project
from infra.components.cluster.gitops import root_application as application_of_applications
from infra.components.cluster.namespace import PodSecurity
from infra.systems.eco2 import needs
from infra.systems.eco2.charts import parts
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import HOMES, NAMESPACES
from infra.systems.eco2.parts import Wave

PROJECT = "eco2"
CHARTS_PROJECT = "eco2-charts"


PLATFORM_NAMESPACES: Mapping[str, PodSecurity] = {
    "argocd": "restricted",
    "cert-manager": "restricted",
    "external-dns": "restricted",
    "external-secrets": "restricted",
    "tigera-operator": "privileged",
}
"""The namespaces of what the document gives none, with their Pod Security Standard; the operator runs in the host's network."""


def platform_namespaces(context: Context) -> dict[str, PodSecurity]:
    """These, and those of what the tenants need."""
    needed = (answer.namespaces for answer in needs.answers(context))
    return {**PLATFORM_NAMESPACES, **{namespace: standard for each in needed for namespace, standard in each.items()}}


RENDERED_KINDS = (
    "/Namespace",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
    "external-secrets.io/ClusterSecretStore",
)
"""Every kind without a namespace that this repository renders."""


RUNNING_KINDS = (
    "/ConfigMap",
    "/Pod",
    "/Service",
    "/ServiceAccount",
    "apps/Deployment",
    "apps/ReplicaSet",
    "apps/StatefulSet",
    "autoscaling/HorizontalPodAutoscaler",
    "batch/CronJob",
    "batch/Job",
    "external-secrets.io/ExternalSecret",
    "monitoring.coreos.com/PodMonitor",
    "monitoring.coreos.com/PrometheusRule",
    "policy/PodDisruptionBudget",
)
"""What runs in a namespace; Pods and ReplicaSets as what others of these make."""

MESH_KINDS = (
    "networking.istio.io/DestinationRule",
    "networking.istio.io/EnvoyFilter",
    "networking.istio.io/ServiceEntry",
    "networking.istio.io/Sidecar",
    "networking.istio.io/VirtualService",
    "security.istio.io/AuthorizationPolicy",
    "security.istio.io/PeerAuthentication",
    "security.istio.io/RequestAuthentication",
    "telemetry.istio.io/Telemetry",
)
"""What says how a namespace's own workloads are reached and whom they call."""

CERTIFICATE_KINDS = ("cert-manager.io/Certificate", "cert-manager.io/Issuer")
"""A namespace's own authority, for what speaks TLS without the mesh, such as a database. None here is for all of the cluster."""

OWNED_KINDS = (
    "/ResourceQuota",
    "argoproj.io/AppProject",
    "argoproj.io/Application",
    "networking.istio.io/Gateway",
    "networking.k8s.io/NetworkPolicy",
)
"""What decides about others, and so is the cluster's alone. No role and no binding: in `argocd` they would be Argo CD's rights."""


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


def root_project(context: Context) -> dict[str, Any]:
    """The AppProject of what this repository renders: neither roles of the whole cluster nor what runs beside the API server.

    The bootstrap applies it, and that of the charts, before `root_application`: an Application without its project idles.
    """
    needed = sorted({kind for answer in needs.answers(context) for kind in answer.rendered})
    return project(
        ProjectArgs(
            name=PROJECT,
            description="eco2: this repository's rendered manifests",
            sources=[context.settings.gitops.repository],
            namespaces=[
                *NAMESPACES,
                *sorted({*HOMES.values(), *platform_namespaces(context)} - {*NAMESPACES}),
                *context.tenant_namespaces,
            ],
            cluster_kinds=RENDERED_KINDS,
            kinds=[*RUNNING_KINDS, *MESH_KINDS, *OWNED_KINDS, *needed],
            signing_keys=list(context.settings.gitops.signing_keys),
            wave=Wave.NAMESPACES,
        )
    )


def charts_project(context: Context) -> dict[str, Any]:
    """The AppProject of the platform's charts: what they make in the whole cluster is theirs, and Git is no source of theirs."""
    charts = [part.chart for part in parts(context)]
    answers = needs.answers(context)
    needed = {kind for answer in answers for kind in answer.kinds}
    written_to = {namespace for answer in answers for namespace in answer.written_to}
    return project(
        ProjectArgs(
            name=CHARTS_PROJECT,
            description="eco2: the platform's charts",
            sources=sorted({chart.repository for chart in charts}),
            namespaces=sorted({"kube-system", *(chart.namespace for chart in charts), *written_to}),
            cluster_kinds=sorted({*CHART_KINDS, *needed}),
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
