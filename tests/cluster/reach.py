"""Who is at the ends of connections in a stack's cluster, and what cyclonus says its NetworkPolicies let through."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.components.cluster.metadata import NAMESPACE_LABEL
from infra.components.cluster.network_policy import Edge, Peer, Pods
from infra.settings import load_settings
from infra.systems import REGISTRY, Guest
from infra.systems.eco2 import network_policies
from infra.systems.eco2.context import Context, make_context
from infra.systems.eco2.namespaces import all_namespaces
from infra.systems.eco2.projects import platform_namespaces
from rehearsal.cloud import Cloud
from rehearsal.inprocess import run
from tests.mesh.manifests import Manifest
from tests.stacks import stack_file
from tests.tools import required_tool

Connection = tuple[str, str, str, int]
"""(source, target, protocol, port)"""


@dataclass(frozen=True)
class End:
    """A pod with its labels, or an address that is no pod's. `judged`: policies are to hold it; of others they say nothing."""

    name: str
    address: str
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    judged: bool = False

    def asked(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "address": self.address,
            "namespace": self.namespace,
            "namespaceLabels": {NAMESPACE_LABEL: self.namespace},
            "labels": self.labels,
            "judged": self.judged,
        }


@dataclass(frozen=True)
class Reached:
    """What judged sources' policies let out, what judged targets' let in, and what both ends of a connection let through."""

    out: frozenset[Connection]
    into: frozenset[Connection]
    both: frozenset[Connection]


def reached(policies: Sequence[Manifest], ends: Iterable[End], ports: Iterable[tuple[str, int]]) -> Reached:
    """By cyclonus, for every ordered pair of ends on every port."""
    everybody = {end.name: end for end in ends}
    question = {
        "policies": policies,
        "ends": [end.asked() for end in everybody.values()],
        "ports": [{"protocol": protocol, "port": port} for protocol, port in sorted(ports)],
    }
    done = subprocess.run(
        [required_tool("reach")], input=json.dumps(question), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    told = [((one["source"], one["target"], one["protocol"], one["port"]), one) for one in found]
    return Reached(
        out=frozenset(way for way, one in told if one["out"] and everybody[one["source"]].judged),
        into=frozenset(way for way, one in told if one["into"] and everybody[one["target"]].judged),
        both=frozenset(way for way, one in told if one["out"] and one["into"]),
    )


def context_of(stack: str) -> Context:
    """eco2's, with the tenants of a stack's file as they declare themselves."""
    found: list[Context] = []

    def program() -> None:
        settings = load_settings()
        assert settings.eco2 is not None
        guests = (REGISTRY[system] for system in settings.platform.systems)
        tenants = [guest.declare(settings) for guest in guests if isinstance(guest, Guest)]
        found.append(make_context(settings, settings.eco2, tenants))

    run(program, stack_file(stack), Cloud({}))
    return found[0]


def declared(context: Context) -> tuple[Edge, ...]:
    """The documents' arrows, and what is written down beside them."""
    tenants = [*context.tenants, *context.residents]
    return (
        *network_policies.edges(),
        *network_policies.needed_edges(context),
        *network_policies.tenant_edges(tenants),
    )


def restricted(context: Context) -> set[str]:
    """The namespaces of which no pod is open."""
    return {*all_namespaces(), *platform_namespaces(context), *context.tenant_namespaces}


def pods_of(manifests: Iterable[Manifest]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, namespace and labels of the pods of each object that makes pods, whatever its kind."""
    for one in manifests:
        spec = one.get("spec") or {}
        template = (spec.get("jobTemplate", {}).get("spec") or spec).get("template")
        if isinstance(template, dict) and "containers" in template.get("spec", {}):
            yield one["metadata"]["name"], one["metadata"]["namespace"], template["metadata"]["labels"]


def is_peer(peer: Peer, end: End) -> bool:
    return isinstance(peer, Pods) and peer.namespace == end.namespace and peer.labels.items() <= end.labels.items()
