"""What stands for a tenant's need: charts, the namespaces and pods that they make, and who these talk to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.components.cluster.namespace import PodSecurity
from infra.components.cluster.network_policy import Edge, Pods
from infra.systems.eco2.document import ROLE_LABEL
from infra.systems.eco2.parts import Part, Values

ON_TENANTS: Values = {"nodeSelector": {ROLE_LABEL: "tenant"}}
"""What keeps tenants' data runs among them. What has rights in all of the cluster does not: a node reads its pods' tokens."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`pods` are the peers that `edges` name beside the platform's, `asks_the_api` those that call the Kubernetes API.

    `kinds` are those without a namespace that its charts make beside the platform's, `written_to` the namespaces that they
    write to beside their own.
    """

    parts: Sequence[Part]
    namespaces: Mapping[str, PodSecurity]
    pods: Mapping[str, Pods]
    edges: Sequence[Edge]
    asks_the_api: Sequence[str]
    kinds: Sequence[str] = field(default_factory=tuple)
    written_to: Sequence[str] = field(default_factory=tuple)
