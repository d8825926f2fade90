"""Chaos Mesh, for who tries what it promises: it acts in namespaces that the cluster has marked, whatever an experiment names."""

from __future__ import annotations

from infra.components.cluster.gitops import Difference
from infra.components.cluster.network_policy import Edge, Pods
from infra.needs import Chaos
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.needs import chart_versions
from infra.systems.eco2.needs.answer import Answer
from infra.systems.eco2.parts import Part, Values, Wave
from infra.systems.eco2.placement import ON_MASTER, ON_TENANTS, resources

NAME = "chaos-mesh"
CONTROLLER, DAEMON = "chaos-controller-manager", "chaos-daemon"
WEBHOOK, GRPC = 10250, 31767
PODS = {
    name: Pods(namespace=NAME, labels={"app.kubernetes.io/component": component})
    for name, component in ((CONTROLLER, "controller-manager"), (DAEMON, "chaos-daemon"))
}

MARK = {"chaos-mesh.org/inject": "enabled"}
"""The annotation of a namespace whose pods may be disturbed: the cluster's to write, since it makes the namespaces."""

KINDS = tuple(f"chaos-mesh.org/{kind}" for kind in ("NetworkChaos", "PodChaos", "Schedule", "StressChaos"))
"""What its tenants make. Not AWS', a machine's or a workflow's, which reach beyond pods."""


RANDOM = tuple(
    Difference(group="apps", kind=kind, paths=[".spec.template.metadata.annotations.rollme"])
    for kind in ("Deployment", "DaemonSet")
)
"""Another text at every rendering of the chart: put back, it would start the pods anew each time."""


def answer(context: Context, asked: Asked[Chaos]) -> Answer:
    """The controller on the master, and its daemon on the tenants' workers, which enters the pods there."""
    return Answer(
        parts=[Part(chart=chart_versions.CHAOS_MESH, wave=Wave.CONTROLLERS, values=_values(), differences=RANDOM)],
        # The daemon enters other pods: no standard but this lets it, and a policy's finding says so of each stack that has it.
        namespaces={NAME: "privileged"},
        pods=PODS,
        asks_the_api=list(PODS),
        edges=[
            Edge(source="nodes", target=CONTROLLER, ports=[WEBHOOK], why="the API server has experiments checked"),
            Edge(source=CONTROLLER, target=DAEMON, ports=[GRPC], why="what to do to which pod"),
        ],
    )


def _values() -> Values:
    return {
        "clusterScoped": True,
        "enableProfiling": False,
        "controllerManager": {
            **ON_MASTER,
            "enableFilterNamespace": True,
            # For machines outside the cluster; its certificate, too, would be another at every rendering.
            "chaosdSecurityMode": False,
            "leaderElection": {"enabled": False},
            "resources": resources("25m", "256Mi"),
        },
        "chaosDaemon": {
            **ON_TENANTS,
            "runtime": "containerd",
            "socketPath": "/run/containerd/containerd.sock",
            "resources": resources("25m", "256Mi"),
        },
        # The chart's own certificates would be others at every rendering.
        "webhook": {"certManager": {"enabled": True}},
        "dashboard": {"create": False},
        "dnsServer": {"create": False},
    }
