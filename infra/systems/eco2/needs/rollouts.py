"""Argo Rollouts, for who delivers step by step: its controller weighs a step by what Prometheus says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.components.cluster.gitops import Difference
from infra.components.cluster.metadata import NAME_LABEL
from infra.components.cluster.network_policy import Edge, Pods
from infra.needs import Rollouts
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.document import PROMETHEUS_PORT
from infra.systems.eco2.needs import chart_versions
from infra.systems.eco2.needs.answer import Answer, monitor
from infra.systems.eco2.parts import Part, Values, Wave
from infra.systems.eco2.placement import ON_MASTER, resources

SHIFTED = (
    Difference(group="networking.istio.io", kind="VirtualService", paths=[".spec.http[]?.route[]?.weight"]),
    Difference(
        group="networking.istio.io",
        kind="DestinationRule",
        paths=['.spec.subsets[]?.labels["rollouts-pod-template-hash"]'],
    ),
    Difference(group="", kind="Service", paths=['.spec.selector["rollouts-pod-template-hash"]']),
)
"""What the controller writes into objects that Argo CD keeps: put back, a step would end before it was judged (docs/adr/0037)."""

NAME = chart_versions.ROLLOUTS.release

PODS, METRICS = Pods(namespace=NAME, labels={NAME_LABEL: NAME}), 8090

KINDS = tuple(f"argoproj.io/{kind}" for kind in ("Rollout", "AnalysisTemplate"))
"""What its tenants make. AnalysisRuns are the controller's; an Experiment would be a release that no step bounds."""


RBAC, GROUP = "rbac.authorization.k8s.io", "argoproj.io"
LOCK = "argo-rollouts-controller-lock"
CONFIG, NOTICES, NOTICES_SECRET = (
    f"argo-rollouts-{name}" for name in ("config", "notification-configmap", "notification-secret")
)
"""What the controller reads of its own namespace, and waits for at its start, there or not (1.9.0)."""


def answer(context: Context, asked: Asked[Rollouts]) -> Answer:
    """One controller for the cluster, which changes what is in the namespaces of these tenants and in no other."""
    namespaces = sorted(namespace for tenant, _ in asked for namespace in tenant.namespaces)
    return Answer(
        parts=[Part(chart=chart_versions.ROLLOUTS, wave=Wave.CONTROLLERS, values=_values(namespaces))],
        namespaces={NAME: "restricted"},
        written_to=namespaces,
        pods={NAME: PODS},
        asks_the_api=[NAME],
        monitors=[monitor(NAME, PODS, "metrics")],
        edges=[
            Edge(source="prometheus", target=NAME, ports=[METRICS], why="metrics: what was rolled back"),
            Edge(source=NAME, target="prometheus", ports=[PROMETHEUS_PORT], why="the metrics that a step is judged by"),
        ],
    )


def _values(namespaces: Sequence[str]) -> Values:
    """On the master, since its account changes what its tenants run; the chart's own role would read every Secret."""
    return {
        "installCRDs": True,
        "keepCRDs": True,
        "createClusterAggregateRoles": False,
        "controller": {
            **ON_MASTER,
            "replicas": 1,
            "resources": resources("20m", "256Mi"),
            "image": {"tag": chart_versions.ROLLOUTS_IMAGE},
            "createClusterRole": False,
        },
        "podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "dashboard": {"enabled": False},
        "extraObjects": _rights(namespaces),
    }


def _rights(namespaces: Sequence[str]) -> list[Values]:
    """What its account may do instead: look at the kinds that it watches everywhere, and act where somebody asked for it.

    No Secret but the one of its own by which it would notify, no Job, no Experiment, no Deployment, no eviction: none of its
    tenants' steps needs one (`fence.STEPS`), and the fence refuses what would.
    """
    looks, acts = f"{NAME}-looks", f"{NAME}-acts"
    return [
        _role("ClusterRole", looks, _watched()),
        _binding("ClusterRoleBinding", looks, "ClusterRole"),
        _role("ClusterRole", acts, _changed()),
        *(_binding("RoleBinding", acts, "ClusterRole", namespace) for namespace in namespaces),
        _role("Role", NAME, _own(), NAME),
        _binding("RoleBinding", NAME, "Role", NAME),
    ]


def _watched() -> list[Values]:
    """Its informers begin only when they have listed all of these, whether anybody has such a thing or not."""
    templates = ["analysistemplates", "clusteranalysistemplates"]
    return [
        _rule(GROUP, ["analysisruns", "experiments", "rollouts", *templates], "get", "list", "watch"),
        _rule("apps", ["replicasets"], "get", "list", "watch"),
        _rule("batch", ["jobs"], "list", "watch"),
        _rule("networking.k8s.io", ["ingresses"], "list", "watch"),
        _rule("networking.istio.io", ["destinationrules", "virtualservices"], "get", "list", "watch"),
        _rule("", ["services"], "get", "list", "watch"),
    ]


def _changed() -> list[Values]:
    return [
        _rule(GROUP, ["rollouts", "rollouts/status"], "patch", "update"),
        _rule(GROUP, ["analysisruns"], "create", "delete", "patch", "update"),
        _rule("apps", ["replicasets"], "create", "delete", "patch", "update"),
        _rule("networking.istio.io", ["destinationrules", "virtualservices"], "patch", "update"),
        _rule("", ["services"], "patch"),
        _rule("", ["pods"], "list"),
        _rule("", ["events"], "create", "patch"),
    ]


def _own() -> list[Values]:
    return [
        _rule("", ["configmaps"], "get", "list", "watch", names=[CONFIG, NOTICES]),
        _rule("", ["secrets"], "list", "watch", names=[NOTICES_SECRET]),
        # Making one cannot be bound to a name.
        _rule("coordination.k8s.io", ["leases"], "create"),
        _rule("coordination.k8s.io", ["leases"], "get", "update", names=[LOCK]),
        _rule("", ["events"], "create", "patch"),
    ]


def _rule(group: str, kinds: Sequence[str], *verbs: str, names: Sequence[str] = ()) -> Values:
    named = {"resourceNames": [*names]} if names else {}
    return {"apiGroups": [group], "resources": [*kinds], "verbs": [*verbs], **named}


def _object(kind: str, name: str, namespace: str | None, **body: Any) -> Values:
    about = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": about, **body}


def _role(kind: str, name: str, rules: list[Values], namespace: str | None = None) -> Values:
    return _object(kind, name, namespace, rules=rules)


def _binding(kind: str, name: str, role: str, namespace: str | None = None) -> Values:
    """Of the role to the account that the chart makes."""
    whose = {"kind": "ServiceAccount", "name": NAME, "namespace": NAME}
    return _object(kind, name, namespace, roleRef={"apiGroup": RBAC, "kind": role, "name": name}, subjects=[whose])
