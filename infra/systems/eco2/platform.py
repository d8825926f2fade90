"""eco2's platform control plane as Argo CD Applications (eco2.md: Control Plane Layer), and the charts that precede Argo CD.

The root Application, which the bootstrap applies, brings every rendered manifest of the system; the Applications among them bring
the charts, each in its wave, so that a chart's kinds and webhooks are there before what needs them.
"""

from __future__ import annotations

import pulumi

from infra.components.aws.federation import AUDIENCE
from infra.components.cluster.deletion_guard import DeletionGuard, DeletionGuardArgs, Guarded
from infra.components.cluster.gitops import ArgoObject, ChartApplicationArgs, chart_application
from infra.components.cluster.namespace import Namespace, NamespaceArgs
from infra.components.cluster.token_guard import Account, TokenGuard, TokenGuardArgs
from infra.systems.eco2 import versions
from infra.systems.eco2.charts import parts
from infra.systems.eco2.context import Context
from infra.systems.eco2.parts import Wave
from infra.systems.eco2.projects import (
    CHARTS_PROJECT,
    PROJECT,
    charts_project,
    platform_namespaces,
    root_application,
    root_project,
)
from infra.systems.eco2.tenant_names import PARAMETERS_ACCOUNT, home


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


def secrets_guard(context: Context) -> TokenGuardArgs:
    """Its chart lets External Secrets make a token of every account: Argo CD's would make it the cluster's administrator."""
    release = versions.EXTERNAL_SECRETS
    return TokenGuardArgs(
        name="external-secrets-tokens",
        asking=Account(namespace=release.namespace, name=release.release),
        accounts=[
            Account(namespace=home(one), name=PARAMETERS_ACCOUNT) for one in context.tenants if one.fetches_secrets
        ],
        audience=AUDIENCE,
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
    for namespace, standard in platform_namespaces(context).items():
        Namespace(
            f"{room}-{namespace}",
            NamespaceArgs(namespace=namespace, kubernetes=_minor(), security=standard, wave=Wave.NAMESPACES),
            opts,
        )
    DeletionGuard(f"{room}-network-guard", network_guard(), opts)
    TokenGuard(f"{room}-secrets-guard", secrets_guard(context), opts)
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
