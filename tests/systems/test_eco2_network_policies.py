"""Every arrow of eco2.md is open, and a sweep over all that could be reached finds no other: judged by the rendered policies."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import pytest

from infra.components.cluster.network_policy import Addresses, Edge, NetworkPoliciesArgs, Pods, workload_policies
from infra.systems.eco2.document import ADDED_ARROWS, ARROWS, DOCUMENTED_ARROWS, HOMES, SERVICES, Arrow
from infra.systems.eco2.mesh import external_hosts
from infra.systems.eco2.namespaces import all_namespaces
from infra.systems.eco2.network_policies import INFRASTRUCTURE, PLATFORM
from infra.systems.eco2.projects import PLATFORM_NAMESPACES
from tests.systems.eco2_cluster import Cluster, Manifest, build_cluster
from tests.systems.eco2_objects import context

Port = tuple[str, int]
Reached = set[tuple[str, str, str, int]]
"""(source, target, protocol, port)"""


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod with its labels, or an address outside the pod network."""

    name: str
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = "10.244.7.7"

    @property
    def pod(self) -> bool:
        return bool(self.namespace)


def selects(selector: Manifest | None, labels: dict[str, str]) -> bool:
    """A label selector; one that is empty selects everything. Expressions are not written here, so they are refused."""
    assert selector is not None
    assert set(selector) <= {"matchLabels"}
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def peer_is(peer: Manifest, namespace: str, end: End) -> bool:
    """Whether an end is what a policy of `namespace` names as a peer, as Kubernetes defines it."""
    if block := peer.get("ipBlock"):
        if end.pod:
            return False
        address = ip_address(end.address)
        inside = address in ip_network(block["cidr"])
        return inside and not any(address in ip_network(one) for one in block.get("except", ()))
    if not end.pod:
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": end.namespace}):
            return False
    elif end.namespace != namespace:
        return False
    return selects(peer.get("podSelector", {}), end.labels)


def rule_ports(rule: Manifest, key: str, namespace: str, other: End) -> set[Port]:
    """The ports of interest that a rule opens: without peers it is for everybody, without ports for every port."""
    peers, ports = rule.get(key), rule.get("ports")
    if peers and not any(peer_is(one, namespace, other) for one in peers):
        return set()
    return {port for port in PORTS if not ports or any(port_is(one, port) for one in ports)}


def port_is(opened: Manifest, port: Port) -> bool:
    protocol, number = port
    first: int = opened.get("port", number)
    last: int = opened.get("endPort", first)
    return bool(opened.get("protocol", "TCP") == protocol) and first <= number <= last


def side(policies: list[Manifest], direction: str, me: End, other: End) -> set[Port]:
    """What one side permits. No policy for the pod in this direction: everything; otherwise what any of their rules does."""
    mine = [
        one["spec"]
        for one in policies
        if one["metadata"]["namespace"] == me.namespace
        and direction in one["spec"]["policyTypes"]
        and selects(one["spec"]["podSelector"], me.labels)
    ]
    if not mine:
        return {*PORTS}
    key, rules = ("from", "ingress") if direction == "Ingress" else ("to", "egress")
    opened: set[Port] = set()
    for spec in mine:
        for rule in spec.get(rules) or ():
            opened |= rule_ports(rule, key, me.namespace, other)
    return opened


def allowed(policies: list[Manifest], source: End, target: End, port: Port) -> bool:
    return port in side(policies, "Egress", source, target) & side(policies, "Ingress", target, source)


CHARTS = (
    End("ingress-gateway", "istio-system", {"app": "ingress-gateway", "istio": "ingress-gateway"}),
    End("istiod", "istio-system", {"app": "istiod", "istio": "pilot"}),
    End("prometheus", "prometheus", {"app.kubernetes.io/name": "prometheus", "prometheus": "eco2-prometheus"}),
    End("prometheus-operator", "prometheus", {"app": "kube-prometheus-stack-operator"}),
    End("kube-state-metrics", "prometheus", {"app.kubernetes.io/name": "kube-state-metrics"}),
    End("alertmanager", "prometheus", {"app.kubernetes.io/name": "alertmanager"}),
    End("grafana", "grafana", {"app.kubernetes.io/name": "grafana"}),
    End("dns", "kube-system", {"k8s-app": "kube-dns"}),
    *(
        End(name, namespace, {"app.kubernetes.io/name": label})
        for namespace, name, label in (
            ("cert-manager", "cert-manager", "cert-manager"),
            ("cert-manager", "cert-manager-webhook", "webhook"),
            ("cert-manager", "cert-manager-cainjector", "cainjector"),
            ("cert-manager", "cert-manager-startupapicheck", "startupapicheck"),
            ("external-secrets", "external-secrets", "external-secrets"),
            ("external-secrets", "external-secrets-webhook", "external-secrets-webhook"),
            ("external-secrets", "external-secrets-cert-controller", "external-secrets-cert-controller"),
            ("external-dns", "external-dns", "external-dns"),
            ("argocd", "argocd-application-controller", "argocd-application-controller"),
            ("argocd", "argocd-repo-server", "argocd-repo-server"),
            ("argocd", "argocd-server", "argocd-server"),
            ("argocd", "argocd-redis", "argocd-redis"),
            ("argocd", "argocd-redis-secret-init", "argocd-redis-secret-init"),
        )
    ),
)
"""What Helm charts and kubeadm make, with the labels that they give."""

STRANGERS = (
    *(
        End(f"stranger in {home}", home, {"app.kubernetes.io/name": "stranger"})
        for home in (*all_namespaces(), *PLATFORM_NAMESPACES)
    ),
    End("impostor of the gateway", "default", {"istio": "ingress-gateway", "app": "istiod"}),
    *(
        End(f"impostor of {name}", "default", {"app.kubernetes.io/name": name})
        for name in ("auth-api", "ext-authz", "prometheus", "celery-ai", "postgres-backup")
    ),
    End("impostor of dns", "default", {"k8s-app": "kube-dns"}),
)
"""Pods that nobody drew: some in the system's namespaces, some with a workload's labels in another."""

MACHINES = (
    End("load-balancer", address="10.2.1.20"),
    End("nodes", address="10.2.12.30"),
    End("internet", address="203.0.113.9"),
    End("instance metadata", address="169.254.169.254"),
    End("elsewhere in the VPC", address="10.2.200.1"),
    End("another VPC", address="10.1.10.5"),
    End("office network", address="192.168.4.4"),
)

PORTS = (
    *((protocol, port) for protocol in ("TCP", "UDP") for port in (53, 443)),
    *(
        ("TCP", port)
        for port in (
            22, 80, 2379, 3000, 5432, 6379, 6443, 8000, 8080, 8081, 8082, 9090, 9093, 9100, 9153, 9402, 10250, 15000, 15001, 15006,
            15008, 15010, 15012, 15014, 15017, 15020, 15021, 15090, 16379, 50051,
        )
    ),
    ("UDP", 8472),
)  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return build_cluster(tmp_path_factory.mktemp("policies"))


@pytest.fixture(scope="module")
def policies(cluster: Cluster) -> list[Manifest]:
    return cluster.of("NetworkPolicy")


@pytest.fixture(scope="module")
def ends(cluster: Cluster) -> dict[str, End]:
    """Each workload with the labels that its pods really have, and everything else that could be at an end."""
    own = [
        End(owner["metadata"]["name"], owner["metadata"]["namespace"], template["metadata"]["labels"])
        for owner, template in cluster.pods()
    ]
    return {one.name: one for one in (*own, *CHARTS, *STRANGERS, *MACHINES)}


@dataclass(frozen=True)
class Sweep:
    """Every ordered pair of ends of which one is in the system, on every port of interest: what each side permits."""

    out: Reached
    """By the source's policies, for sources in the system."""
    into: Reached
    """By the target's, for targets in the system."""
    both: Reached


def sweep(policies: list[Manifest], ends: dict[str, End]) -> Sweep:
    found = Sweep(set(), set(), set())
    for source in ends.values():
        for target in ends.values():
            out, into = side(policies, "Egress", source, target), side(policies, "Ingress", target, source)
            if governed(source):
                found.out.update((source.name, target.name, *port) for port in out)
            if governed(target):
                found.into.update((source.name, target.name, *port) for port in into)
            if governed(source) or governed(target):
                found.both.update((source.name, target.name, *port) for port in out & into)
    return found


def expected(ends: dict[str, End]) -> Sweep:
    """What the document draws, and the infrastructure's edges, as each side must say it."""
    edges = declared()
    return Sweep(
        {edge for edge in edges if governed(ends[edge[0]])}, {edge for edge in edges if governed(ends[edge[1]])}, edges
    )


def governed(end: End) -> bool:
    return end.namespace in (*all_namespaces(), *PLATFORM_NAMESPACES)


def declared() -> Reached:
    """What the document draws, and the infrastructure's edges."""
    drawn = {(one.source, one.target, "TCP", one.port) for one in ARROWS}
    other = {
        (one.source, one.target, protocol, port)
        for one in INFRASTRUCTURE
        for protocol in one.protocols
        for port in one.ports
    }
    return drawn | other


def test_every_workload_of_the_document_is_an_end(ends: dict[str, End]) -> None:
    assert HOMES.keys() <= ends.keys()
    assert {name: ends[name].namespace for name in HOMES} == HOMES


@pytest.mark.parametrize("arrow", ARROWS, ids=lambda one: f"{one.source} reaches {one.target} on {one.port}")
def test_arrow(policies: list[Manifest], ends: dict[str, End], arrow: Arrow) -> None:
    assert allowed(policies, ends[arrow.source], ends[arrow.target], ("TCP", arrow.port))


@pytest.mark.parametrize("arrow", ARROWS, ids=lambda one: f"{one.target} cannot call {one.source} back")
def test_an_arrow_has_one_direction(policies: list[Manifest], ends: dict[str, End], arrow: Arrow) -> None:
    assert not allowed(policies, ends[arrow.target], ends[arrow.source], ("TCP", arrow.port))


def test_the_sweep_finds_the_declared_edges_and_no_other(policies: list[Manifest], ends: dict[str, End]) -> None:
    found = sweep(policies, ends)
    assert found.both == declared()
    # Each side alone says the same: what one forgets, the other still refuses.
    assert found == expected(ends)


def test_between_the_documents_workloads_only_arrows_are_open(policies: list[Manifest], ends: dict[str, End]) -> None:
    inside = {edge for edge in sweep(policies, ends).both if {edge[0], edge[1]} <= HOMES.keys() and edge[0] != edge[1]}
    assert inside == {(one.source, one.target, "TCP", one.port) for one in ARROWS}


def test_what_is_read_into_the_document_is_this_and_no_more() -> None:
    assert {(one.source, one.target, one.port) for one in ADDED_ARROWS} == {
        ("celery-storage", "redis", 6379),
        ("celery-ai", "redis", 6379),
        ("postgres-databases", "postgresql", 5432),
        ("postgres-backup", "postgresql", 5432),
        ("prometheus", "ingress-gateway", 15020),
    }
    assert len(DOCUMENTED_ARROWS) == 7 + 1 + 1 + 7 + 1 + 7 + 1 + 1


def test_the_infrastructures_edges_are_these_and_no_more() -> None:
    everybody = {(one.source, one.target, tuple(one.ports)) for one in INFRASTRUCTURE}
    names = {
        (source, "dns", (53,))
        for source in (*HOMES, "istiod", "prometheus-operator", "kube-state-metrics", "alertmanager", *PLATFORM)
    }
    proxies = {(source, "istiod", (15012,)) for source in HOMES if source not in ("prometheus", "grafana")}
    assert everybody - names - proxies == {
        ("load-balancer", "ingress-gateway", (8080, 15021)),
        ("nodes", "istiod", (15017,)),
        ("nodes", "prometheus-operator", (10250,)),
        ("istiod", "nodes", (6443,)),
        ("prometheus-operator", "nodes", (6443,)),
        ("kube-state-metrics", "nodes", (6443,)),
        ("prometheus", "nodes", (6443, 10250, 9100)),
        ("prometheus", "istiod", (15014,)),
        ("prometheus", "kube-state-metrics", (8080,)),
        ("prometheus", "prometheus-operator", (10250,)),
        ("prometheus", "prometheus", (9090, 8080)),
        ("prometheus", "alertmanager", (9093, 8080)),
        ("alertmanager", "internet", (443,)),
        ("prometheus", "dns", (9153,)),
        ("prometheus", "cert-manager", (9402,)),
        ("prometheus", "argocd-application-controller", (8082,)),
        *((source, "nodes", (6443,)) for source in {*PLATFORM} - {"argocd-repo-server", "argocd-redis"}),
        ("nodes", "cert-manager-webhook", (10250,)),
        ("nodes", "external-secrets-webhook", (10250,)),
        ("external-secrets", "nodes", (443,)),
        ("external-secrets", "internet", (443,)),
        ("external-dns", "internet", (443,)),
        ("argocd-repo-server", "internet", (443,)),
        ("argocd-application-controller", "argocd-repo-server", (8081,)),
        ("argocd-server", "argocd-repo-server", (8081,)),
        ("argocd-application-controller", "argocd-redis", (6379,)),
        ("argocd-repo-server", "argocd-redis", (6379,)),
        ("argocd-server", "argocd-redis", (6379,)),
        ("auth-api", "internet", (443,)),
        ("celery-storage", "internet", (443,)),
        ("celery-ai", "internet", (443,)),
        ("postgres-backup", "internet", (443,)),
    }
    assert names | proxies <= everybody
    assert all(one.why for one in INFRASTRUCTURE)


def test_who_may_leave_the_cluster_is_also_who_the_mesh_lets_out() -> None:
    outside = (*PLATFORM, "alertmanager")
    leaving = {HOMES[one.source] for one in INFRASTRUCTURE if one.target == "internet" and one.source not in outside}
    assert leaving == external_hosts(context()).keys()


def test_every_namespace_denies_by_default(policies: list[Manifest]) -> None:
    denying = {
        one["metadata"]["namespace"]
        for one in policies
        if one["metadata"]["name"] == "default-deny"
        and one["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert denying == {*all_namespaces(), *PLATFORM_NAMESPACES}
    assert denying == {
        *SERVICES, "redis", "postgres", "prometheus", "grafana", "istio-system", "worker",
        "argocd", "cert-manager", "external-dns", "external-secrets", "tigera-operator",
    }  # fmt: skip


def test_every_policy_says_why(policies: list[Manifest]) -> None:
    for one in policies:
        rules = [*one["spec"].get("ingress", ()), *one["spec"].get("egress", ())]
        reasons = one["metadata"]["annotations"].get("eco2.internal/edges", "")
        assert len(rules) == len(reasons.split(" | ")) - (not reasons), one["metadata"]["name"]


def test_the_load_balancer_is_known_by_its_own_subnets_alone(policies: list[Manifest], ends: dict[str, End]) -> None:
    (gateway,) = [one for one in policies if one["metadata"]["name"] == "ingress-gateway"]
    blocks = {
        peer["ipBlock"]["cidr"] for rule in gateway["spec"]["ingress"] for peer in rule["from"] if "ipBlock" in peer
    }
    assert blocks == {"10.2.0.0/24", "10.2.1.0/24", "10.2.2.0/24"}


# --- taking a protection away, or putting a hole in, is seen by the sweep


def named(policies: list[Manifest], namespace: str, name: str) -> Manifest:
    (found,) = [one for one in policies if (one["metadata"]["namespace"], one["metadata"]["name"]) == (namespace, name)]
    return found


def without_denial(policies: list[Manifest]) -> None:
    policies.remove(named(policies, "postgres", "default-deny"))


def any_pod_of_the_namespace(policies: list[Manifest]) -> None:
    named(policies, "postgres", "postgresql")["spec"]["ingress"][0]["from"][0]["podSelector"] = {}


def any_namespace(policies: list[Manifest]) -> None:
    named(policies, "redis", "redis")["spec"]["ingress"][0]["from"][0]["namespaceSelector"] = {}


def anybody_for_a_proxy(policies: list[Manifest]) -> None:
    for rule in named(policies, "istio-system", "istiod")["spec"]["ingress"]:
        for peer in rule["from"]:
            if "ipBlock" not in peer:
                peer.clear()
                peer["namespaceSelector"] = {}


def every_port(policies: list[Manifest]) -> None:
    del named(policies, "auth", "ext-authz")["spec"]["ingress"][0]["ports"]


def metadata_service(policies: list[Manifest]) -> None:
    for rule in named(policies, "auth", "auth-api")["spec"]["egress"]:
        for peer in rule["to"]:
            if "ipBlock" in peer:
                del peer["ipBlock"]["except"]


def arrow_removed(policies: list[Manifest]) -> None:
    del named(policies, "auth", "auth-api")["spec"]["egress"][1]


def arrow_at_one_side_only(policies: list[Manifest]) -> None:
    del named(policies, "postgres", "postgresql")["spec"]["ingress"][0]


def ingress_only(policies: list[Manifest]) -> None:
    for name in ("default-deny", "chat-api"):
        named(policies, "chat", name)["spec"]["policyTypes"] = ["Ingress"]


def policy_for_the_whole_namespace(policies: list[Manifest]) -> None:
    named(policies, "auth", "auth-api")["spec"]["podSelector"] = {}


def renamed_workload(policies: list[Manifest]) -> None:
    named(policies, "scan", "scan-api")["spec"]["podSelector"]["matchLabels"] = {"app.kubernetes.io/name": "scan"}


@pytest.mark.parametrize(
    "change",
    [
        without_denial, any_pod_of_the_namespace, any_namespace, anybody_for_a_proxy, every_port, metadata_service,
        arrow_removed, arrow_at_one_side_only, ingress_only, policy_for_the_whole_namespace, renamed_workload,
    ],
)  # fmt: skip
def test_the_sweep_notices(
    policies: list[Manifest], ends: dict[str, End], change: Callable[[list[Manifest]], None]
) -> None:
    changed = copy.deepcopy(policies)
    change(changed)
    assert sweep(changed, ends) != expected(ends)


# --- the component's own refusals

ARGS = NetworkPoliciesArgs(
    namespaces=["a"],
    peers={
        "one": Pods(namespace="a", labels={"app": "one"}),
        "two": Pods(namespace="b", labels={"app": "two"}),
        "world": Addresses(blocks=["0.0.0.0/0"]),
    },
    edges=[Edge(source="one", target="two", ports=[80], why="a test")],
    reasons="example.com/edges",
)


def test_only_the_governed_side_of_an_edge_gets_a_rule() -> None:
    assert [*workload_policies(ARGS)] == ["one"]


REFUSED = [
    ("is no peer", Edge(source="one", target="three", ports=[80], why="a test")),
    ("without ports", Edge(source="one", target="two", ports=[], why="a test")),
]


@pytest.mark.parametrize(("message", "edge"), REFUSED, ids=["an unknown peer", "no port"])
def test_an_edge_is_refused_with(message: str, edge: Edge) -> None:
    args = NetworkPoliciesArgs(namespaces=ARGS.namespaces, peers=ARGS.peers, edges=[edge], reasons=ARGS.reasons)
    with pytest.raises(ValueError, match=message):
        workload_policies(args)
