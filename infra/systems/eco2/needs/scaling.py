"""Kubernetes' metrics server, for who scales by what pods use: it asks every kubelet, and the API server asks it."""

from __future__ import annotations

from infra.components.cluster.metadata import NAME_LABEL
from infra.components.cluster.network_policy import Edge, Pods
from infra.needs import Scaling
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.needs import chart_versions
from infra.systems.eco2.needs.answer import Answer
from infra.systems.eco2.network import KUBELET_PORT
from infra.systems.eco2.parts import Part, Values, Wave
from infra.systems.eco2.placement import ON_MASTER, resources

NAME = chart_versions.METRICS_SERVER.release

PODS = Pods(namespace=NAME, labels={NAME_LABEL: NAME})


def answer(context: Context, asked: Asked[Scaling]) -> Answer:
    """One for the cluster. It listens where a kubelet does, on its own pod's address."""
    return Answer(
        parts=[Part(chart=chart_versions.METRICS_SERVER, wave=Wave.CONTROLLERS, values=_values())],
        namespaces={NAME: "restricted"},
        pods={NAME: PODS},
        asks_the_api=[NAME],
        kinds=["apiregistration.k8s.io/APIService"],
        # The right to read who the API server's own callers are is given where that is written.
        written_to=["kube-system"],
        edges=[
            Edge(source="nodes", target=NAME, ports=[KUBELET_PORT], why="the API server passes questions on"),
            Edge(source=NAME, target="nodes", ports=[KUBELET_PORT], why="what pods use, from their kubelets"),
        ],
    )


def _values() -> Values:
    """On the master: from there alone, and from Prometheus', the nodes' security groups let anybody reach kubelets."""
    return {
        **ON_MASTER,
        "replicas": 1,
        "resources": resources("50m", "128Mi"),
        # The cluster's own, which every pod has: it signs the certificates by which kubelets serve.
        "args": ["--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"],
    }
