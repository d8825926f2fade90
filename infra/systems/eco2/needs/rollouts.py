"""Argo Rollouts, for who delivers step by step: its controller weighs a step by what Prometheus says of it."""

from __future__ import annotations

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


def answer(context: Context, asked: Asked[Rollouts]) -> Answer:
    """One controller for the cluster."""
    return Answer(
        parts=[Part(chart=chart_versions.ROLLOUTS, wave=Wave.CONTROLLERS, values=_values())],
        namespaces={NAME: "restricted"},
        pods={NAME: PODS},
        asks_the_api=[NAME],
        monitors=[monitor(NAME, PODS, "metrics")],
        edges=[
            Edge(source="prometheus", target=NAME, ports=[METRICS], why="metrics: what was rolled back"),
            Edge(source=NAME, target="prometheus", ports=[PROMETHEUS_PORT], why="the metrics that a step is judged by"),
        ],
    )


def _values() -> Values:
    """On the master, since its account may change workloads everywhere; of ways to shift traffic it knows the mesh's alone."""
    others = (
        "smi",
        "ambassador",
        "awsLoadBalancerController",
        "awsAppMesh",
        "traefik",
        "apisix",
        "contour",
        "glooPlatform",
    )
    return {
        "installCRDs": True,
        "keepCRDs": True,
        "createClusterAggregateRoles": False,
        "controller": {**ON_MASTER, "replicas": 1, "resources": resources("20m", "256Mi")},
        "podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "providerRBAC": {"providers": {"istio": True, "gatewayAPI": False, **dict.fromkeys(others, False)}},
        "dashboard": {"enabled": False},
    }
