"""A cluster and its tenants (docs/adr/0025): a made-up sixth system moves in without a word in any other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.components.aws.load_balancer import host_priority
from infra.components.mesh.mesh_config import GrpcAuthorizer
from infra.contract import Quota, Tenant, TenantArrow, TenantWorkload
from infra.edge import OwnTokens
from infra.settings import Settings, SettingsError
from rehearsal.judging import judged, seen_by_rules
from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording, Registered
from rehearsal.values import reveal
from tests.other_stacks import GUESTBOOK, build_with
from tests.stacks import ACCOUNT, REGION, ROOT
from tests.systems import guestbook, guestbook_edge
from tests.systems.handed_out import STANDS
from tests.systems.tenancy import WORKERS

HOST = "guests.eco2.example.com"
Manifests = Mapping[str, Any]


@pytest.fixture(scope="module")
def handed(cluster_with_guestbook: tuple[Recording, dict[str, Any]]) -> dict[str, Any]:
    """What the guest of `standing` was told."""
    return cluster_with_guestbook[1]


@pytest.fixture(scope="module")
def standing(cluster_with_guestbook: tuple[Recording, dict[str, Any]]) -> Recording:
    return cluster_with_guestbook[0]


@pytest.fixture(scope="module")
def folder(standing: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the objects of `standing` as files."""
    folder = tmp_path_factory.mktemp("tenant")
    write_manifests(standing, folder / "manifests")
    return folder


@pytest.fixture(scope="module")
def alone(cluster_with_workers: Recording) -> Recording:
    return cluster_with_workers


def objects(folder: Path, system: str) -> Iterator[Manifests]:
    for path in sorted((folder / "manifests" / system).rglob("*.yaml")):
        yield from (one for one in yaml.safe_load_all(path.read_text()) if one)


def one(recording: Recording, kind: str, name: str, namespace: str | None = None) -> Any:
    (found,) = (
        reveal(resource.inputs)
        for resource in recording
        if resource.type.endswith(f":{kind}")
        and resource.inputs.get("metadata", {}).get("name") == name
        and (namespace is None or resource.inputs["metadata"].get("namespace") == namespace)
    )
    return found


def named(recording: Recording, name: str) -> Registered:
    (found,) = (resource for resource in recording if resource.name == name)
    return found


@pytest.mark.parametrize("field", STANDS)
def test_what_the_contract_hands_out_is_what_stands(standing: Recording, handed: dict[str, Any], field: str) -> None:
    assert handed[field] == STANDS[field](standing)


def test_no_field_of_the_contract_is_left_out(standing: Recording, handed: dict[str, Any]) -> None:
    assert handed.keys() == STANDS.keys()


def test_only_what_the_guest_adds_differs(standing: Recording, alone: Recording) -> None:
    before, after = ({resource.name for resource in each} for each in (alone, standing))
    assert before <= after
    assert {name.split("-")[0] for name in after - before} == {"eco2", "guestbook"}
    assert changed_objects(alone, standing) == {
        "eco2-network-policies-ingress-gateway",
        "eco2-network-policies-istiod",
        "eco2-network-policies-prometheus",
        "eco2-mesh-ext-authz-authorizationpolicy",
        "eco2-platform-project-appproject",
        "eco2-platform-secrets-guard-policy",
    }, "the shared objects that know of the guest"


def changed_objects(before: Recording, after: Recording) -> set[str]:
    """The Kubernetes objects of both that differ; AWS's have another id in each run."""
    old, new = (
        {each.name: reveal(each.inputs) for each in recording if each.custom and each.type.startswith("kubernetes:")}
        for recording in (before, after)
    )
    return {name for name in old.keys() & new.keys() if old[name] != new[name]}


def test_its_objects_are_in_a_folder_of_its_own(standing: Recording, folder: Path) -> None:
    found = {(item["kind"], item["metadata"]["name"]) for item in objects(folder, guestbook.SYSTEM)}
    assert ("Deployment", guestbook.WORKLOAD) in found
    assert {item["metadata"]["namespace"] for item in objects(folder, guestbook.SYSTEM)} == {guestbook.HOME}


def test_its_project_ends_at_its_namespaces(standing: Recording, folder: Path) -> None:
    spec = one(standing, "AppProject", guestbook.SYSTEM)["spec"]
    assert [item["namespace"] for item in spec["destinations"]] == [guestbook.HOME]
    assert spec["clusterResourceWhitelist"] == []
    made = {(each["group"], each["kind"]) for each in spec["namespaceResourceWhitelist"]}
    assert {(item["apiVersion"].rpartition("/")[0], item["kind"]) for item in objects(folder, guestbook.SYSTEM)} <= made
    bounds = {"NetworkPolicy", "ResourceQuota", "LimitRange", "Role", "RoleBinding", "Secret", "Gateway", "AppProject"}
    assert not bounds & {kind for _, kind in made}, "what bounds a tenant is not the tenant's to make"
    application = one(standing, "Application", guestbook.SYSTEM)["spec"]
    assert (application["project"], application["source"]["path"]) == (guestbook.SYSTEM, guestbook.SYSTEM)


def test_its_namespace_is_restricted_bounded_and_cut_off(standing: Recording) -> None:
    labels = one(standing, "Namespace", guestbook.HOME)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["istio-injection"] == "enabled"
    assert one(standing, "ResourceQuota", "quota", guestbook.HOME)["spec"]["hard"]["services.loadbalancers"] == "0"
    denied = one(standing, "NetworkPolicy", "default-deny", guestbook.HOME)["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_its_pods_are_reached_by_the_gateway_and_by_prometheus_alone(standing: Recording) -> None:
    spec = one(standing, "NetworkPolicy", guestbook.WORKLOAD, guestbook.HOME)["spec"]
    callers = {
        (rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], rule["ports"][0]["port"])
        for rule in spec["ingress"]
    }
    assert callers == {("istio-system", guestbook.PORT), ("prometheus", 15020)}


def test_the_clusters_authorizer_is_asked_about_the_guests_host_too(standing: Recording) -> None:
    (rule,) = one(standing, "AuthorizationPolicy", "ext-authz-policy")["spec"]["rules"]
    operation = rule["to"][0]["operation"]
    assert set(operation) == {"paths", "notPaths", "notHosts"}
    own = [f"{label}.eco2.example.com" for label in guestbook_edge.LABELS]
    assert operation["notHosts"] == [spelling for host in own for spelling in (host, f"{host}:*")]


def test_its_gateway_takes_routes_from_its_own_namespaces_alone(standing: Recording) -> None:
    (server,) = one(standing, "Gateway", "guestbook-gateway", "istio-system")["spec"]["servers"]
    assert {host.partition("/")[0] for host in server["hosts"]} == {guestbook.HOME}
    assert f"{guestbook.HOME}/{HOST}" in server["hosts"]


def test_the_clusters_own_paths_are_open_on_its_own_host_alone(standing: Recording) -> None:
    (rule,) = one(standing, "AuthorizationPolicy", "edge")["spec"]["rules"]
    assert rule["to"][0]["operation"]["hosts"] == ["api.eco2.example.com", "api.eco2.example.com:*"]


def test_its_host_has_a_certificate_a_route_and_a_record(standing: Recording) -> None:
    certificate = named(standing, "eco2-tenant-guests-certificate-certificate")
    assert certificate["domainName"] == HOST
    rule = named(standing, "eco2-api-host-guests")
    assert rule["conditions"] == [{"hostHeader": {"values": [HOST]}}]
    assert rule["priority"] == host_priority("guests")
    assert named(standing, "eco2-dns-guests-a")["name"] == HOST
    assert named(standing, "eco2-api-host-guests-certificate")["certificateArn"]


def test_its_secrets_come_by_a_role_that_reads_no_others(standing: Recording) -> None:
    store = one(standing, "ClusterSecretStore", "guestbook-parameters")["spec"]
    assert store["conditions"] == [{"namespaces": [guestbook.HOME]}]
    account = store["provider"]["aws"]["auth"]["jwt"]["serviceAccountRef"]
    assert account == {"name": "parameters", "namespace": guestbook.HOME}
    policy = json.loads(reveal(standing.one("Policy", "eco2-role-parameters-guestbook-parameters-guestbook")["policy"]))
    reads = [item for item in policy["Statement"] if "ssm:GetParameter" in item["Action"]]
    assert [item["Resource"] for item in reads] == [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/guestbook/prod/*"]


def test_nodes_pull_its_images(standing: Recording, alone: Recording) -> None:
    """From repositories named after it; without it, from the cluster's own alone."""
    repositories = [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{one}-prod-*" for one in ("eco2", guestbook.SYSTEM)]
    assert pulled_from(standing) == repositories
    assert pulled_from(alone) == repositories[:1]


def pulled_from(recording: Recording) -> list[str]:
    policy = json.loads(reveal(recording.one("Policy", "eco2-node-policies-node-images")["policy"]))
    (reads,) = [item for item in policy["Statement"] if "ecr:BatchGetImage" in item["Action"]]
    found = reads["Resource"]
    return [found] if isinstance(found, str) else list(found)


def test_the_clusters_own_store_stays_closed_to_it(standing: Recording) -> None:
    store = one(standing, "ClusterSecretStore", "eco2-parameters")["spec"]
    assert guestbook.HOME not in store["conditions"][0]["namespaces"]


def test_prometheus_asks_it(standing: Recording) -> None:
    spec = one(standing, "PodMonitor", "tenant-guestbook", "prometheus")["spec"]
    assert spec["namespaceSelector"]["matchNames"] == [guestbook.HOME]


def test_a_guest_without_a_cluster_is_one_readable_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as failed:
        build_with(tmp_path, {}, "wealist", guestbook.SYSTEM)
    assert str(failed.value) == (
        "Pulumi.prod.yaml has 1 error:\n"
        "  platform.systems: guestbook — allowed: beside eco2, in whose cluster they live"
    )


def test_a_guest_without_nodes_is_one_readable_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"eco2\.tenant_workers: missing; add the section"):
        build_with(tmp_path, {"eco2.tenant_workers": ...}, "eco2", guestbook.SYSTEM)


CLAIMS: dict[str, dict[str, Any]] = {
    "namespace": {"namespaces": {"auth": Quota(pods=1, cpu="1", memory="1Gi", memory_limit="1Gi")}},
    "workload": {"workloads": [TenantWorkload(name="redis", namespace=guestbook.HOME)], "arrows": []},
    "host": {"hosts": ["api"], "own_tokens": (), "limits": (), "bursts": (), "answers": ()},
    "authorizer": {"authorizers": [GrpcAuthorizer(name="ext-authz", service="evil", port=1, timeout="1s")]},
}


def test_nobody_names_the_keys_of_anothers_issuer(tmp_path: Path) -> None:
    def twice(settings: Settings) -> Tenant:
        own = guestbook.declare(settings)
        books, letters = own.own_tokens
        return replace(own, own_tokens=[books, replace(letters, tokens=books.tokens)])

    with pytest.raises(ValueError, match=r"the issuer '.*' is the cluster's own or another tenant's"):
        build_with(tmp_path, WORKERS, "eco2", guestbook.SYSTEM, guest=replace(GUESTBOOK, declare=twice))


def test_nobody_has_the_header_of_the_clusters_identity_taken_off(tmp_path: Path) -> None:
    def taken(settings: Settings) -> Tenant:
        own = guestbook.declare(settings)
        books, *others = own.own_tokens
        claimed = replace(books, tokens=replace(books.tokens, forwarded={"X-User-Id": "sub"}))
        return replace(own, own_tokens=[claimed, *others])

    with pytest.raises(ValueError, match=r"the header 'x-user-id' is the cluster's own or another tenant's"):
        build_with(tmp_path, WORKERS, "eco2", guestbook.SYSTEM, guest=replace(GUESTBOOK, declare=taken))


@pytest.mark.parametrize("hosts", [["another"], ["till", "till"]])
def test_own_tokens_are_for_a_host_of_ones_own(hosts: list[str]) -> None:
    tokens = guestbook_edge.OWN_TOKENS[0].tokens
    with pytest.raises(ValueError, match="own tokens are for a host of its own, once"):
        Tenant(
            system="shop",
            namespaces={},
            workloads=[],
            arrows=[],
            hosts=["till"],
            own_tokens=[OwnTokens(hosts=hosts, tokens=tokens)],
        )


def test_istiod_may_fetch_the_keys_of_a_tenants_issuer(standing: Recording, alone: Recording) -> None:
    def ways_out(recording: Recording) -> list[Any]:
        return [rule["ports"] for rule in one(recording, "NetworkPolicy", "istiod", "istio-system")["spec"]["egress"]]

    assert [ports for ports in ways_out(standing) if ports not in ways_out(alone)] == [
        [{"port": 443, "protocol": "TCP"}]
    ]


@pytest.mark.parametrize("what", CLAIMS)
def test_nobody_claims_what_is_anothers(what: str, tmp_path: Path) -> None:
    def declare(settings: Settings) -> Tenant:
        own = guestbook.declare(settings)
        claimed = {**CLAIMS[what]}
        if what == "namespace":
            claimed["namespaces"] = {**own.namespaces, **CLAIMS[what]["namespaces"]}
        return replace(own, **claimed)

    with pytest.raises(ValueError, match=f"the {what} '.*' is the cluster's own or another tenant's"):
        build_with(tmp_path, WORKERS, "eco2", guestbook.SYSTEM, guest=replace(GUESTBOOK, declare=declare))


@pytest.mark.parametrize(
    ("arrow", "wrong"),
    [
        (("gateway", "stranger"), "which is no workload"),
        (("prometheus", "gateway"), "touches none of its workloads"),
    ],
)
def test_an_arrow_has_its_ends(arrow: tuple[str, str], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Tenant(
            system="shop",
            namespaces={"shop": Quota(pods=1, cpu="1", memory="1Gi", memory_limit="1Gi")},
            workloads=[TenantWorkload(name="till", namespace="shop")],
            arrows=[TenantArrow(source=arrow[0], target=arrow[1], port=80, why="")],
        )


def test_hosts_do_not_move_each_other() -> None:
    """ELB takes priorities up to 50,000, each once."""
    found = [host_priority(f"host-{number}") for number in range(20)]
    assert len(set(found)) == 20
    assert all(10_000 <= priority <= 50_000 for priority in found)


def test_no_policy_finds_more_fault_with_a_guest_than_without(standing: Recording, alone: Recording) -> None:
    with_it, without = (
        {f"{one.rule.name}: {one.where}: {one.message}" for one in judged(seen_by_rules(each)).stopping}
        for each in (standing, alone)
    )
    assert with_it - without == set()


def test_no_system_knows_the_guest() -> None:
    assert not [path for path in (ROOT / "infra").rglob("*.py") if "guestbook" in path.read_text()]


def test_the_limiter_is_asked_by_the_gateway_alone_and_asks_nobody(standing: Recording) -> None:
    spec = one(standing, "NetworkPolicy", "ratelimit", "ratelimit")["spec"]
    callers = {
        (rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], rule["ports"][0]["port"])
        for rule in spec["ingress"]
    }
    assert callers == {("istio-system", 8081), ("prometheus", 15020)}
    called = {
        rule["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for rule in spec["egress"]
    }
    assert called == {"kube-system", "istio-system"}
    (rule,) = one(standing, "AuthorizationPolicy", "ratelimit", "ratelimit")["spec"]["rules"]
    assert rule["from"][0]["source"]["principals"] == ["cluster.local/ns/istio-system/sa/ingress-gateway"]
    assert rule["to"][0]["operation"]["paths"] == ["/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"]


def test_each_tenants_limits_are_a_domain_of_its_own(standing: Recording) -> None:
    files = one(standing, "ConfigMap", "ratelimit", "ratelimit")["data"]
    assert {name: yaml.safe_load(text)["domain"] for name, text in files.items()} == {"guestbook.yaml": "guestbook"}


def test_without_limits_there_is_no_limiter(alone: Recording) -> None:
    assert [each.name for each in alone if "ratelimit" in each.name] == []


def test_no_secret_is_near_the_limiter(standing: Recording) -> None:
    pod = one(standing, "Deployment", "ratelimit", "ratelimit")["spec"]["template"]["spec"]
    assert [volume for volume in pod["volumes"] if "secret" in volume] == []
    assert {container["name"]: container.get("ports") for container in pod["containers"]}["redis"] is None
