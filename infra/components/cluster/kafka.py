"""A Kafka cluster of Strimzi's: brokers and controllers without ZooKeeper, one listener with TLS, and nobody allowed unnamed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pulumi

from infra.components.cluster.metadata import metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.cluster.pods import Resources
from infra.components.component import PlatformComponent

API = "kafka.strimzi.io/v1"
OWNER = "strimzi.io/cluster"
"""The label by which node pools, topics and users belong to a cluster."""

LISTENER, LISTENER_PORT = "tls", 9093
CONTROL_PLANE_PORT, REPLICATION_PORT, METRICS_PORT = 9090, 9091, 9404
"""Strimzi's own ports: between nodes, to the operators and the exporter, and for Prometheus."""

USER = 1001
"""The user of Strimzi's images."""

Role = Literal["broker", "controller"]
Spread = Literal["DoNotSchedule", "ScheduleAnyway"]


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """One node pool: `count` pods of `role`, each with a volume of its own that outlives it. `heap` is the JVM's, as `512m`."""

    role: Role
    count: int
    gib: int
    heap: str
    resources: Resources


@dataclass(frozen=True, kw_only=True)
class KafkaClusterArgs:
    """Clients come by the listener `tls` on 9093, with SCRAM-SHA-512. What Strimzi makes beside is bounded by `helpers`.

    `spread` says whether two nodes of a pool may share a machine. A topic is acknowledged by `in_sync` of `replicas` brokers.
    """

    cluster: str
    namespace: str
    version: str
    metadata_version: str
    pools: tuple[Nodes, ...]
    replicas: int
    in_sync: int
    storage_class: str
    node_selector: Mapping[str, str]
    spread: Spread
    helpers: Resources
    wave: int
    protect: bool

    def __post_init__(self) -> None:
        brokers = sum(pool.count for pool in self.pools if pool.role == "broker")
        controllers = sum(pool.count for pool in self.pools if pool.role == "controller")
        if not self.in_sync < self.replicas <= brokers and self.replicas > 1:
            raise ValueError(
                f"{self.cluster}: {self.replicas} replicas, {self.in_sync} in sync, on {brokers} brokers: "
                "allowed: fewer in sync than replicas, no more replicas than brokers"
            )
        if controllers % 2 == 0:
            raise ValueError(
                f"{self.cluster}: {controllers} controllers: allowed: an odd number, of which most must agree"
            )


def kafka(args: KafkaClusterArgs) -> dict[str, Any]:
    """The Kafka's spec. No topic is made because a client names it, and who has no ACL may do nothing."""
    return {
        "kafka": {
            "version": args.version,
            "metadataVersion": args.metadata_version,
            "listeners": [
                {
                    "name": LISTENER,
                    "port": LISTENER_PORT,
                    "type": "internal",
                    "tls": True,
                    "authentication": {"type": "scram-sha-512"},
                }
            ],
            "authorization": {"type": "simple"},
            "config": {
                "auto.create.topics.enable": False,
                "default.replication.factor": args.replicas,
                "min.insync.replicas": args.in_sync,
                "offsets.topic.replication.factor": args.replicas,
                "transaction.state.log.replication.factor": args.replicas,
                "transaction.state.log.min.isr": args.in_sync,
                "unclean.leader.election.enable": False,
                "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
            },
            "metricsConfig": {"type": "strimziMetricsReporter"},
            "template": {"pod": _pod(args), "kafkaContainer": _container()},
        },
        "entityOperator": {
            "topicOperator": {"resources": args.helpers.render()},
            "userOperator": {"resources": args.helpers.render()},
            "template": {
                "pod": _pod(args),
                "topicOperatorContainer": _container(),
                "userOperatorContainer": _container(),
            },
        },
        "kafkaExporter": {
            "topicRegex": ".*",
            "groupRegex": ".*",
            "resources": args.helpers.render(),
            "template": {"pod": _pod(args), "container": _container()},
        },
    }


def node_pool(args: KafkaClusterArgs, pool: Nodes) -> dict[str, Any]:
    """The KafkaNodePool's spec."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": args.spread,
        "labelSelector": {"matchLabels": {OWNER: args.cluster, "strimzi.io/pool-name": pool.role}},
    }
    return {
        "replicas": pool.count,
        "roles": [pool.role],
        "storage": {
            "type": "jbod",
            "volumes": [
                {
                    "id": 0,
                    "type": "persistent-claim",
                    "size": f"{pool.gib}Gi",
                    "class": args.storage_class,
                    "kraftMetadata": "shared",
                    "deleteClaim": False,
                }
            ],
        },
        "resources": pool.resources.render(),
        "jvmOptions": {"-Xms": pool.heap, "-Xmx": pool.heap},
        "template": {
            "pod": {**_pod(args), "topologySpreadConstraints": [spread]},
            "kafkaContainer": _container(),
        },
    }


def _pod(args: KafkaClusterArgs) -> dict[str, Any]:
    """Kafka does its own mutual TLS between nodes and its own authentication: a proxy would only be in between."""
    (selector,) = args.node_selector.items()
    node = {"key": selector[0], "operator": "In", "values": [selector[1]]}
    terms = [{"matchExpressions": [node]}]
    return {
        "metadata": {"labels": {"sidecar.istio.io/inject": "false"}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}},
        },
        "enableServiceLinks": False,
    }


def _container() -> dict[str, Any]:
    return {
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
    }


class KafkaCluster(PlatformComponent):
    """The cluster and its node pools; Argo CD never prunes them, since their volumes hold what nobody else has.

    Resources: a Kafka, and a KafkaNodePool each.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:KafkaCluster"
    bootstrap: str
    ca_secret: str

    def __init__(self, name: str, args: KafkaClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        kept = {"argocd.argoproj.io/sync-options": "Prune=false"}
        for pool in args.pools:
            KubernetesObject(
                f"{name}-{pool.role}-kafkanodepool",
                f"{API}/KafkaNodePool",
                metadata=metadata(
                    pool.role, args.namespace, wave=args.wave, labels={OWNER: args.cluster}, annotations=kept
                ),
                body={"spec": node_pool(args, pool)},
                opts=self.guarded(args.protect),
            )
        KubernetesObject(
            f"{name}-kafka",
            f"{API}/Kafka",
            metadata=metadata(args.cluster, args.namespace, wave=args.wave, annotations=kept),
            body={"spec": kafka(args)},
            opts=self.guarded(args.protect),
        )
        self.bootstrap = bootstrap(args.cluster, args.namespace)
        self.ca_secret = ca_secret(args.cluster)
        self.register_outputs({"bootstrap": self.bootstrap})


def bootstrap(cluster: str, namespace: str) -> str:
    """Where clients begin: `<host>:<port>`."""
    return f"{cluster}-kafka-bootstrap.{namespace}.svc:{LISTENER_PORT}"


def ca_secret(cluster: str) -> str:
    """The Secret whose `ca.crt` the brokers' certificates are of."""
    return f"{cluster}-cluster-ca-cert"
