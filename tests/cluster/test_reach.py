"""Who reaches whom by prod's rendered NetworkPolicies, as cyclonus reads them, is what the documents draw: pod by pod.

tests/systems/test_eco2_network_policies.py asks the same of eco2 alone, by an evaluation of ours, in every run.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from infra.components.cluster.network_policy import Edge, Peer, Pods
from infra.systems.eco2 import charts, network_policies
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import ARROWS
from rehearsal.recording import Recording
from rehearsal.values import reveal
from tests.cluster.charts import pod_templates, rendered
from tests.cluster.reach import Connection, End, Reached, context_of, declared, is_peer, pods_of, reached, restricted
from tests.mesh.manifests import Manifest
from tests.stacks import ROOT
from tests.systems import test_eco2_network_policies as ours
from tools.chart_sources import SOURCES

pytestmark = pytest.mark.verify

INVENTORY: dict[str, dict[str, Any]] = json.loads((ROOT / "tests/inventory/charts.json").read_text())["charts"]

MADE_BY_OTHERS = {
    "dns": ("kube-system", {"k8s-app": "kube-dns"}),
    "prometheus": ("prometheus", {"app.kubernetes.io/name": "prometheus", "prometheus": "eco2-prometheus"}),
    "alertmanager": ("prometheus", {"app.kubernetes.io/name": "alertmanager", "alertmanager": "eco2-alertmanager"}),
    **{
        name: ("immersiverse", {"app.kubernetes.io/name": name, "strimzi.io/cluster": "immersiverse"})
        for name in ("kafka", "entity-operator", "kafka-exporter")
    },
    **{
        name: ("immersiverse", {"app.kubernetes.io/name": name})
        for name in ("user-profile-service", "analytics-service")
    },
}
"""Pods of kubeadm's, of operators, and of services that a document names and others deploy."""

STRANGE_PORTS = (22, 80, 2379, 2380, 10255, 15000, 15001, 15006, 15008, 15090, 16379, 51820)
"""Ports that nobody drew, beside every port that somebody did."""


@pytest.fixture(scope="module")
def context() -> Context:
    return context_of("prod")


@pytest.fixture(scope="module")
def objects(prod: Recording) -> list[Manifest]:
    return [reveal(one.inputs) for one in prod if one.custom and one.type.startswith("kubernetes:")]


@pytest.fixture(scope="module")
def policies(objects: list[Manifest]) -> list[Manifest]:
    return [one for one in objects if one["kind"] == "NetworkPolicy"]


def charts_pods(context: Context) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Those of charts: as Helm renders them where a module has the chart, else as they were seen. The host's network has none."""
    releases = [part.chart.release for part in charts.parts(context)]
    for release in (one for one in releases if one in SOURCES):
        for owner, template in pod_templates(rendered(release)):
            if not template["spec"].get("hostNetwork"):
                yield owner["metadata"]["name"], owner["metadata"]["namespace"], template["metadata"]["labels"]
    for release in (one for one in releases if one not in SOURCES):
        for of, pod in INVENTORY[release]["pods"].items():
            if not pod["host_network"]:
                namespace, _, name = of.split(" ")[1].partition("/")
                yield name, namespace, pod["labels"]


def strangers(context: Context) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Pods that nobody drew: one in each namespace, and one elsewhere with the labels of each peer."""
    for home in sorted({*restricted(context), "kube-system"}):
        yield f"stranger in {home}", home, {"app.kubernetes.io/name": "stranger"}
    for name, peer in network_policies.peers(context).items():
        if isinstance(peer, Pods):
            yield f"impostor of {name}", "default", dict(peer.labels)


@pytest.fixture(scope="module")
def ends(context: Context, objects: list[Manifest]) -> list[End]:
    others = [(name, namespace, labels) for name, (namespace, labels) in MADE_BY_OTHERS.items()]
    pods = [*pods_of(objects), *charts_pods(context), *others, *strangers(context)]
    held = restricted(context)
    return [
        *(
            End(name, f"10.244.{n // 250}.{n % 250 + 1}", namespace, labels, namespace in held)
            for n, (name, namespace, labels) in enumerate(pods)
        ),
        *(End(one.name, one.address) for one in ours.MACHINES),
    ]


def drawn(context: Context, ends: list[End]) -> Reached:
    """What the documents draw, and what is written down beside it, as each judged side must say it."""
    found = frozenset(connections(declared(context), network_policies.peers(context), ends))
    judged = {end.name for end in ends if end.judged}
    return Reached(
        out=frozenset(one for one in found if one[0] in judged),
        into=frozenset(one for one in found if one[1] in judged),
        both=frozenset(one for one in found if judged & {one[0], one[1]}),
    )


def connections(edges: Iterable[Edge], peers: Mapping[str, Peer], ends: list[End]) -> Iterator[Connection]:
    """Between pods: an edge's end is the pod of an object with its name, or, of a chart's, that which has its labels."""

    def named(name: str) -> list[str]:
        return [end.name for end in ends if end.name == name] or [end.name for end in ends if is_peer(peers[name], end)]

    for edge in edges:
        for source, target in product(named(edge.source), named(edge.target)):
            yield from ((source, target, protocol, port) for protocol in edge.protocols for port in edge.ports)


@pytest.fixture(scope="module")
def ports(context: Context) -> set[tuple[str, int]]:
    own = {(protocol, port) for edge in declared(context) for protocol in edge.protocols for port in edge.ports}
    return own | {(protocol, port) for protocol in ("TCP", "UDP") for port in (*STRANGE_PORTS, 53, 443)}


def test_every_peer_of_an_edge_is_there(context: Context, ends: list[End]) -> None:
    peers = network_policies.peers(context)
    there = {end.name for end in ends}
    assert {name for name in peers if name not in there and not any(is_peer(peers[name], end) for end in ends)} == set()


def test_names_are_said_once(ends: list[End]) -> None:
    assert len({end.name for end in ends}) == len(ends)


def test_the_second_opinion_is_what_is_drawn_and_no_more(
    context: Context, policies: list[Manifest], ends: list[End], ports: set[tuple[str, int]]
) -> None:
    found, wanted = reached(policies, ends, ports), drawn(context, ends)
    assert found.both == wanted.both
    # Each side alone says the same: what one forgets, the other still refuses.
    assert found == wanted


def test_the_documents_own_arrows_are_among_them(context: Context, ends: list[End]) -> None:
    found = {(source, target, port) for source, target, _, port in drawn(context, ends).both}
    assert {(one.source, one.target, one.port) for one in ARROWS} <= found
    called = {"gateway": "ingress-gateway", "kubernetes-api": "nodes", "kafka-operator": "strimzi-cluster-operator"}
    for tenant in context.tenants:
        arrows = {
            (called.get(one.source, one.source), called.get(one.target, one.target), one.port) for one in tenant.arrows
        }
        assert arrows
        assert arrows <= found


def of_a_tenant_without_a_source(policies: list[Manifest]) -> None:
    for rule in ours.named(policies, "gateway-lab", "mongodb-lab")["spec"]["ingress"]:
        del rule["from"]


def of_a_tenant_to_all_addresses(policies: list[Manifest]) -> None:
    for rule in ours.named(policies, "immersiverse", "immersiverse-auth")["spec"]["egress"]:
        for peer in rule["to"]:
            if "ipBlock" in peer:
                del peer["ipBlock"]["except"]


def of_a_tenant_for_its_whole_namespace(policies: list[Manifest]) -> None:
    ours.named(policies, "gateway", "svc-wallet")["spec"]["podSelector"] = {}


@pytest.mark.parametrize(
    "spoil",
    [
        ours.without_denial, ours.any_namespace, ours.every_port, ours.arrow_removed, ours.arrow_at_one_side_only,
        ours.ingress_only, ours.renamed_workload,
        of_a_tenant_without_a_source, of_a_tenant_to_all_addresses, of_a_tenant_for_its_whole_namespace,
    ],
)  # fmt: skip
def test_one_policy_spoiled_is_noticed(
    context: Context,
    policies: list[Manifest],
    ends: list[End],
    ports: set[tuple[str, int]],
    spoil: Callable[[list[Manifest]], None],
) -> None:
    """Asked about its namespace alone, where nothing was wrong before."""
    changed = copy.deepcopy(policies)
    spoil(changed)
    homes = {one["metadata"]["namespace"] for one in policies if one not in changed}
    judged = [replace(end, judged=end.namespace in homes) for end in ends]
    assert reached(policies, judged, ports) == drawn(context, judged)
    assert reached(changed, judged, ports) != drawn(context, judged)
