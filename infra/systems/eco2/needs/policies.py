"""Kyverno, for who has policies of its own: it is asked about these tenants' namespaces alone, and so can stop no other's pods."""

from __future__ import annotations

from infra.components.cluster.network_policy import Edge, Pods
from infra.needs import Policies
from infra.systems.eco2 import access
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.needs import chart_versions
from infra.systems.eco2.needs.answer import Answer
from infra.systems.eco2.parts import Part, Values, Wave
from infra.systems.eco2.placement import ON_MASTER, resources
from infra.systems.eco2.roles import Controller

NAME, ACCOUNT = "kyverno", "kyverno-admission-controller"
PODS = Pods(namespace=NAME, labels={"app.kubernetes.io/component": "admission-controller"})
WEBHOOK, METRICS, HTTPS = 9443, 8000, 443

KINDS = (
    "kyverno.io/Policy",
    "policies.kyverno.io/NamespacedImageValidatingPolicy",
    "policies.kyverno.io/NamespacedValidatingPolicy",
)
"""What its tenants make: each holds in its own namespace."""


OFF = ("backgroundController", "cleanupController", "reportsController", "webhooksCleanup")
"""What generates, deletes and reports, and the job that would take its webhooks away."""


def answer(context: Context, asked: Asked[Policies]) -> Answer:
    """The admission controller, without its reports, its clean-up and what generates objects."""
    namespaces = sorted(namespace for tenant, _ in asked for namespace in tenant.namespaces)
    return Answer(
        parts=[Part(chart=chart_versions.KYVERNO, wave=Wave.CONTROLLERS, values=_values(context, namespaces))],
        namespaces={NAME: "restricted"},
        pods={NAME: PODS},
        asks_the_api=[NAME],
        edges=[
            Edge(source="nodes", target=NAME, ports=[WEBHOOK], why="the API server asks about tenants' objects"),
            Edge(
                source=NAME,
                target="internet",
                ports=[HTTPS],
                why="signatures: the registry, and STS for its role",
            ),
            Edge(source="prometheus", target=NAME, ports=[METRICS], why="metrics: what was refused"),
        ],
        controllers=[
            Controller(
                label=NAME,
                namespace=NAME,
                service_account=ACCOUNT,
                description="Kyverno reads signatures in the registry",
                statements=access.pull_images(context),
            )
        ],
    )


def _values(context: Context, namespaces: list[str]) -> Values:
    """On the master, since it reads in all of the cluster; its jobs before an upgrade and at its end are off."""
    first = resources("10m", "256Mi")
    return {
        "admissionController": {
            **ON_MASTER,
            "replicas": 1,
            "rbac": {
                "serviceAccount": {
                    "name": ACCOUNT,
                    "annotations": {"eks.amazonaws.com/role-arn": context.role_arn(NAME)},
                }
            },
            "container": {"resources": resources("100m", "384Mi")},
            # The chart's own limit of CPU cannot be taken away, only raised to what the node has.
            "initContainer": {"resources": {**first, "limits": {**first["limits"], "cpu": "4"}}},
        },
        "config": {"webhooks": {"namespaceSelector": _only(namespaces)}},
        "features": {
            "admissionReports": {"enabled": False},
            "generateValidatingAdmissionPolicy": {"enabled": False},
        },
        **{one: {"enabled": False} for one in OFF},
        "crds": {"migration": {"enabled": False}},
    }


def _only(namespaces: list[str]) -> Values:
    return {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces}]}
