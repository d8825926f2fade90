"""Who may reach whom: edges as data become NetworkPolicies, one on each side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pulumi

from infra.components.cluster.metadata import NAMESPACE_LABEL, metadata
from infra.components.cluster.objects import KubernetesObject
from infra.components.component import PlatformComponent

POLICY = "networking.k8s.io/v1/NetworkPolicy"
DENIED: dict[str, Any] = {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
"""Every pod of the namespace, both ways, and no rule."""


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Pods of one namespace, by their labels."""

    namespace: str
    labels: Mapping[str, str]

    def peer(self) -> list[dict[str, Any]]:
        return [
            {
                "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: self.namespace}},
                "podSelector": {"matchLabels": dict(self.labels)},
            }
        ]


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Addresses that are no pods': blocks, and what is taken out of each."""

    blocks: Sequence[str]
    excluded: Sequence[str] = ()

    def peer(self) -> list[dict[str, Any]]:
        excluded = {"except": list(self.excluded)} if self.excluded else {}
        return [{"ipBlock": {"cidr": block, **excluded}} for block in self.blocks]


Peer = Pods | Addresses


@dataclass(frozen=True, kw_only=True)
class Edge:
    """`source` opens connections to `target`, both names of peers, on these ports; `why` is for who reads the policy."""

    source: str
    target: str
    ports: Sequence[int]
    why: str
    protocols: Sequence[Literal["TCP", "UDP"]] = ("TCP",)


@dataclass(frozen=True, kw_only=True)
class NetworkPoliciesArgs:
    """Every pod of `namespaces` is cut off but for `edges`; peers elsewhere are named and not restricted.

    `reasons` is the annotation that holds the reasons of a policy's rules.
    """

    namespaces: Sequence[str]
    peers: Mapping[str, Peer]
    edges: Sequence[Edge]
    reasons: str
    wave: int = 0


@dataclass(kw_only=True)
class _Rules:
    ingress: list[dict[str, Any]] = field(default_factory=list)
    egress: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def workload_policies(args: NetworkPoliciesArgs) -> dict[str, dict[str, Any]]:
    """Each restricted workload's policy, by its name: what it may open, and what may be opened to it."""
    rules: dict[str, _Rules] = {}
    for edge in args.edges:
        for name in (edge.source, edge.target):
            if name not in args.peers:
                raise ValueError(f"an edge names '{name}', which is no peer")
        if not edge.ports:
            raise ValueError(f"{edge.source} → {edge.target}: an edge without ports would open all of them")
        ports = [{"protocol": one, "port": port} for port in edge.ports for one in edge.protocols]
        if _restricted(args, edge.source):
            mine = rules.setdefault(edge.source, _Rules())
            mine.egress.append({"to": args.peers[edge.target].peer(), "ports": ports})
            mine.reasons.append(_reason("to", edge.target, edge))
        if _restricted(args, edge.target):
            mine = rules.setdefault(edge.target, _Rules())
            mine.ingress.append({"from": args.peers[edge.source].peer(), "ports": ports})
            mine.reasons.append(_reason("from", edge.source, edge))
    return {name: _policy(args, name, found) for name, found in sorted(rules.items())}


def _restricted(args: NetworkPoliciesArgs, name: str) -> bool:
    peer = args.peers[name]
    return isinstance(peer, Pods) and peer.namespace in args.namespaces


def _reason(preposition: str, other: str, edge: Edge) -> str:
    return f"{preposition} {other} {', '.join(str(port) for port in edge.ports)}: {edge.why}"


def _policy(args: NetworkPoliciesArgs, name: str, rules: _Rules) -> dict[str, Any]:
    peer = args.peers[name]
    if not isinstance(peer, Pods):
        raise TypeError(f"{name} is no workload")
    return {
        "metadata": metadata(
            name, peer.namespace, wave=args.wave, annotations={args.reasons: " | ".join(rules.reasons)}
        ),
        "body": {
            "spec": {
                "podSelector": {"matchLabels": dict(peer.labels)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": rules.ingress,
                "egress": rules.egress,
            }
        },
    }


class NetworkPolicies(PlatformComponent):
    """Cut everything, then open each edge on both sides: at its source to its target, at its target from its source.

    Resources: a NetworkPolicy `default-deny` per namespace, and one per workload with an edge, named like it.
    """

    pulumi_type: ClassVar[str] = "platform:cluster:NetworkPolicies"

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        for namespace in args.namespaces:
            KubernetesObject(
                f"{name}-{namespace}-default-deny",
                POLICY,
                metadata=metadata("default-deny", namespace, wave=args.wave),
                body=DENIED,
                opts=self.child,
            )
        for workload, policy in workload_policies(args).items():
            KubernetesObject(
                f"{name}-{workload}", POLICY, metadata=policy["metadata"], body=policy["body"], opts=self.child
            )
        self.register_outputs({})
