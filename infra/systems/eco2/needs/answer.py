"""What stands for a tenant's need: charts, the namespaces and pods that they make, who these talk to, and what AWS keeps for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from infra.components.cluster.gitops import waved
from infra.components.cluster.namespace import PodSecurity
from infra.components.cluster.network_policy import Edge, Pods
from infra.components.cluster.observability import ObjectMeta, PodMetricsArgs
from infra.systems.eco2.document import HOMES
from infra.systems.eco2.observability import RULES_WAVE
from infra.systems.eco2.parts import Part, Values
from infra.systems.eco2.roles import Controller


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`pods` are the peers that `edges` name beside the platform's, `asks_the_api` those that call the Kubernetes API.

    `kinds` are those without a namespace that its charts make beside the platform's, `written_to` the namespaces that they
    write to beside their own. `buckets` are by the last part of their name, with the days after which an object goes; `controllers`
    are accounts with a role of AWS; `sources` are what Grafana asks, `folders` the ConfigMaps of dashboards by their folder there,
    `monitors` what Prometheus asks. `build` registers, below a logical name, objects of the cluster's own, of the platform's kinds
    and of those in `rendered`.
    """

    parts: Sequence[Part]
    namespaces: Mapping[str, PodSecurity]
    pods: Mapping[str, Pods]
    edges: Sequence[Edge]
    asks_the_api: Sequence[str] = field(default_factory=tuple)
    kinds: Sequence[str] = field(default_factory=tuple)
    written_to: Sequence[str] = field(default_factory=tuple)
    buckets: Mapping[str, int] = field(default_factory=dict)
    controllers: Sequence[Controller] = field(default_factory=tuple)
    rendered: Sequence[str] = field(default_factory=tuple)
    folders: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Values] = field(default_factory=tuple)
    monitors: Sequence[PodMetricsArgs] = field(default_factory=tuple)
    build: Callable[[str, pulumi.ResourceOptions], None] | None = None


def monitor(name: str, pods: Pods, port: str) -> PodMetricsArgs:
    """That Prometheus asks pods of a chart on their port of that name."""
    meta = ObjectMeta(name=name, namespace=HOMES["prometheus"], annotations=waved(RULES_WAVE))
    return PodMetricsArgs(meta=meta, labels=pods.labels, namespace=pods.namespace, port=port)
