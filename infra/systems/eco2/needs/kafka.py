"""Strimzi's operator, for who runs Kafka: it acts in the namespaces of these tenants and in no other."""

from __future__ import annotations

from infra.components.cluster.network_policy import Edge, Pods
from infra.needs import Kafka
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.needs import chart_versions
from infra.systems.eco2.needs.answer import Answer
from infra.systems.eco2.parts import Part, Values, Wave
from infra.systems.eco2.placement import ON_MASTER, resources

OPERATOR = "kafka-operator"
BROKERS, REPLICATION, AGENT = "kafka", 9091, 8443
"""The workload's name that Strimzi gives brokers, and the ports on which they answer the operator."""

KINDS = tuple(f"kafka.strimzi.io/{kind}" for kind in ("Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"))
"""What its tenants make."""


def answer(context: Context, asked: Asked[Kafka]) -> Answer:
    """One operator, which reaches the brokers of each tenant that has any."""
    namespaces = sorted(namespace for tenant, _ in asked for namespace in tenant.namespaces)
    return Answer(
        parts=[Part(chart=chart_versions.KAFKA_OPERATOR, wave=Wave.CONTROLLERS, values=_values(namespaces))],
        namespaces={OPERATOR: "restricted"},
        pods={OPERATOR: Pods(namespace=OPERATOR, labels={"name": "strimzi-cluster-operator"})},
        asks_the_api=[OPERATOR],
        written_to=namespaces,
        edges=[
            Edge(
                source=OPERATOR,
                target=one.name,
                ports=[REPLICATION, AGENT],
                why="brokers and their agents, to roll them",
            )
            for tenant, _ in asked
            for one in tenant.workloads
            if one.name == BROKERS
        ],
    )


def _values(namespaces: list[str]) -> Values:
    """On the master, since it reads and makes Secrets in the tenants' namespaces."""
    wanted = resources("100m", "512Mi")
    return {
        **ON_MASTER,
        "replicas": 1,
        "watchNamespaces": namespaces,
        "watchAnyNamespace": False,
        # Those that it makes would open a broker's listeners to every pod: the cluster's own say who may.
        "generateNetworkPolicy": False,
        "leaderElection": {"enable": False},
        # The chart's own limit of CPU cannot be taken away, only raised to what the node has.
        "resources": {**wanted, "limits": {**wanted["limits"], "cpu": "4"}},
    }
