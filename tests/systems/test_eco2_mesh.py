"""eco2.md's mesh: each arrow and each protection as a sentence, and each protection taken out again."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from infra.components.mesh.authorization import is_checked
from infra.components.mesh.paths import matches
from infra.systems.eco2 import mesh
from infra.systems.eco2.data import build_data
from infra.systems.eco2.document import (
    ARROWS,
    BYPASSED,
    CHECKED_HEADERS,
    EXT_AUTHZ_HOST,
    EXT_AUTHZ_PORT,
    HOMES,
    IDENTITY_HEADERS,
    PROXY_METRICS_PORT,
    SERVICES,
    Arrow,
)
from infra.systems.eco2.versions import INGRESS_GATEWAY
from infra.systems.eco2.workloads import build_workloads
from tests.components.test_mesh_paths import ways_past
from tests.systems.eco2_objects import Manifest, context, manifests, of_kind, registered, wave

HOST = "api.eco2.example"
CALLERS = {name: f"cluster.local/ns/{namespace}/sa/{name}" for name, namespace in HOMES.items()}
"""Who calls, as its certificate says; written here anew, so that a change of the form is seen."""

IN_THE_MESH = [name for name in HOMES if name not in ("prometheus", "grafana")]
MESH_ARROWS = [
    arrow for arrow in ARROWS if arrow.port != PROXY_METRICS_PORT and {arrow.source, arrow.target} <= {*IN_THE_MESH}
]
OTHER_ARROWS = [arrow for arrow in ARROWS if arrow not in MESH_ARROWS]


class Mesh(NamedTuple):
    """The rendered objects, and istiod's own configuration."""

    objects: list[Manifest]
    config: dict[str, Any]

    def of(self, kind: str) -> dict[str, Manifest]:
        return of_kind(self.objects, kind)


@pytest.fixture(scope="module")
def built() -> Mesh:
    return Mesh(manifests(mesh.build_mesh, context()), mesh.mesh_configuration())


@pytest.fixture(scope="module")
def workloads() -> list[Manifest]:
    return [*manifests(build_workloads, context()), *manifests(build_data, context())]


class Call(NamedTuple):
    """A request: who makes it (nobody, without a certificate), to which workload and port, for which path ("" for plain TCP)."""

    source: str
    target: str
    port: int
    path: str


def labels(workload: str) -> dict[str, str]:
    """The labels of a workload's pods; the gateway's chart adds its own."""
    found = {"app.kubernetes.io/name": workload, "app": workload}
    return {**found, "istio": "ingress-gateway"} if workload == "ingress-gateway" else found


def admitted(mesh_: Mesh, call: Call) -> bool:
    """Istio's rule for ALLOW: where no policy is for the workload, everything; else what any rule of any of them matches."""
    policies = [
        one["spec"]
        for one in mesh_.of("AuthorizationPolicy").values()
        if one["spec"].get("action", "ALLOW") == "ALLOW"
        and one["metadata"]["namespace"] in {HOMES.get(call.target, call.target), "istio-system"}
        and one["spec"].get("selector", {}).get("matchLabels", {}).items() <= labels(call.target).items()
    ]
    rules = [rule for policy in policies for rule in policy.get("rules", ())]
    return not policies or any(_admits(rule, call) for rule in rules)


def _admits(rule: dict[str, Any], call: Call) -> bool:
    sources = [one["source"]["principals"] for one in rule.get("from", ())]
    operations = [one["operation"] for one in rule.get("to", ())]
    return (not sources or any(call.source in one for one in sources)) and (
        not operations or any(_covers(one, call) for one in operations)
    )


def _covers(operation: dict[str, Any], call: Call) -> bool:
    """A rule with paths never matches plain TCP."""
    on_port = str(call.port) in operation.get("ports", [str(call.port)])
    return on_port and (
        "paths" not in operation
        or bool(call.path and any(matches(pattern, call.path) for pattern in operation["paths"]))
    )


def path_for(arrow: Arrow) -> str:
    if arrow.source != "ingress-gateway":
        return ""
    return mesh.CHECK_PATH if arrow.port == EXT_AUTHZ_PORT else f"/api/v1/{HOMES[arrow.target]}/x"


class TestArrows:
    """Every arrow between workloads."""

    @pytest.mark.parametrize("arrow", MESH_ARROWS, ids=lambda one: f"{one.source} calls {one.target} on {one.port}")
    def test_an_arrow_is_allowed(self, built: Mesh, arrow: Arrow) -> None:
        assert admitted(built, Call(CALLERS[arrow.source], arrow.target, arrow.port, path_for(arrow)))

    def test_no_other_edge_exists(self, built: Mesh) -> None:
        """Everyone, also without a certificate or from elsewhere, to every workload, port and path."""
        assert edges(built) == {(arrow.source, arrow.target, arrow.port) for arrow in MESH_ARROWS}

    def test_the_sweep_covers_every_workload_port_and_kind_of_caller(self) -> None:
        assert len(list(calls())) > 5_000

    @pytest.mark.parametrize("service", SERVICES)
    def test_an_api_takes_its_own_prefix_alone_from_the_gateway(self, built: Mesh, service: str) -> None:
        def taken(path: str) -> bool:
            return admitted(built, Call(CALLERS["ingress-gateway"], f"{service}-api", 8000, path))

        assert taken(f"/api/v1/{service}")
        assert taken(f"/api/v1/{service}/a/b")
        others = [f"/api/v1/{other}/x" for other in SERVICES if other != service]
        assert not any(taken(path) for path in (*others, f"/api/v1/{service}x", "/admin", "/", ""))

    @pytest.mark.parametrize("arrow", MESH_ARROWS, ids=lambda one: f"{one.source} → {one.target} {one.port}")
    def test_both_ends_of_an_arrow_are_what_the_workloads_are_called(
        self, workloads: list[Manifest], arrow: Arrow
    ) -> None:
        """The gateway's account and Service are its chart's, by its release's name."""
        accounts = {*of_kind(workloads, "ServiceAccount"), f"istio-system/{INGRESS_GATEWAY.release}"}
        services = of_kind(workloads, "Service")
        assert f"{HOMES[arrow.source]}/{arrow.source}" in accounts
        service = services[f"{HOMES[arrow.target]}/{arrow.target}"]
        assert arrow.port in {one["port"] for one in service["spec"]["ports"]}
        assert service["spec"]["selector"].items() <= labels(arrow.target).items()

    @pytest.mark.parametrize("arrow", OTHER_ARROWS, ids=lambda one: f"{one.source} → {one.target} {one.port}")
    def test_an_arrow_outside_the_mesh_has_an_end_without_a_sidecar(self, arrow: Arrow) -> None:
        assert {arrow.source, arrow.target} & {"prometheus", "grafana"}


def calls() -> Iterator[tuple[str, Call]]:
    sources = {
        **CALLERS,
        "nobody": "",
        "default of auth": "cluster.local/ns/auth/sa/default",
        "other domain": "evil/ns/auth/sa/auth-api",
    }
    ports = (22, 5432, 6379, 8000, 8080, 9090, 50051)
    paths = ("", "/", "/admin", mesh.CHECK_PATH, *(f"/api/v1/{service}/x" for service in SERVICES))
    targets = [name for name in IN_THE_MESH if name != "ingress-gateway"]
    for (name, source), target, port, path in itertools.product(sources.items(), targets, ports, paths):
        yield name, Call(source, target, port, path)


def edges(mesh_: Mesh) -> set[tuple[str, str, int]]:
    return {(name, call.target, call.port) for name, call in calls() if admitted(mesh_, call)}


class TestEdge:
    """eco2.md, Istio resources and bypass paths."""

    def test_the_documented_resources_have_their_names_and_namespaces(self, built: Mesh) -> None:
        assert set(built.of("Gateway")) == {"istio-system/eco2-gateway"}
        assert "istio-system/cookie-to-header" in built.of("EnvoyFilter")
        assert "istio-system/ext-authz-policy" in built.of("AuthorizationPolicy")
        assert set(built.of("VirtualService")) == {f"{service}/{service}-vs" for service in SERVICES}

    def test_the_gateway_listens_where_its_service_sends_and_for_the_api_host_alone(self, built: Mesh) -> None:
        (server,) = built.of("Gateway")["istio-system/eco2-gateway"]["spec"]["servers"]
        assert (server["port"]["number"], server["port"]["protocol"]) == (8080, "HTTP")
        # From these namespaces alone: another's VirtualService for the API's host is not heard.
        assert server["hosts"] == [f"{service}/{HOST}" for service in SERVICES]

    @pytest.mark.parametrize("service", SERVICES)
    def test_a_service_is_routed_by_its_prefix(self, built: Mesh, service: str) -> None:
        spec = built.of("VirtualService")[f"{service}/{service}-vs"]["spec"]
        (route,) = spec["http"]
        assert (spec["hosts"], spec["gateways"]) == ([HOST], ["istio-system/eco2-gateway"])
        assert route["match"] == [{"uri": {"exact": f"/api/v1/{service}"}}, {"uri": {"prefix": f"/api/v1/{service}/"}}]
        assert route["route"] == [
            {"destination": {"host": f"{service}-api.{service}.svc.cluster.local", "port": {"number": 8000}}}
        ]

    def test_chat_alone_has_no_timeout_since_it_holds_websockets(self, built: Mesh) -> None:
        without = [name for name, one in built.of("VirtualService").items() if "timeout" not in one["spec"]["http"][0]]
        assert without == ["chat/chat-vs"]

    def test_no_route_waits_longer_than_the_load_balancer(self, built: Mesh) -> None:
        timeouts = [one["spec"]["http"][0].get("timeout", "0s") for one in built.of("VirtualService").values()]
        assert all(int(text.removesuffix("s")) <= 60 for text in timeouts)

    def test_the_provider_is_ext_authz_over_grpc_in_a_quarter_of_a_second(self, built: Mesh) -> None:
        (provider,) = built.config["extensionProviders"]
        settings = provider["envoyExtAuthzGrpc"]
        assert (settings["service"], settings["port"], settings["timeout"]) == (EXT_AUTHZ_HOST, 50051, "0.25s")

    def test_one_proxy_stands_before_the_gateway(self, built: Mesh) -> None:
        assert built.config["defaultConfig"]["gatewayTopology"] == {"numTrustedProxies": 1}

    def test_the_authorizer_sees_the_three_documented_headers(self, built: Mesh) -> None:
        assert shown_headers(built) == CHECKED_HEADERS

    def test_the_gateway_lets_anyone_ask_for_the_api_and_for_nothing_else(self, built: Mesh) -> None:
        assert admitted(built, Call("", "ingress-gateway", 8080, "/api/v1/scan/x"))
        assert not any(
            admitted(built, Call("", "ingress-gateway", 8080, path))
            for path in ("/", "/api/v1", "/api/v2/x", "/API/v1/scan", "/stats")
        )


class TestEgress:
    """The ways out."""

    def test_the_hosts_outside_are_exactly_these(self, built: Mesh) -> None:
        assert {name: one["spec"]["hosts"] for name, one in built.of("ServiceEntry").items()} == {
            "auth/external-hosts": [
                "kauth.kakao.com",
                "kapi.kakao.com",
                "accounts.google.com",
                "oauth2.googleapis.com",
                "openidconnect.googleapis.com",
                "www.googleapis.com",
                "nid.naver.com",
                "openapi.naver.com",
            ],
            "postgres/external-hosts": [
                "eco2-prod-postgres-backups.s3.ap-northeast-2.amazonaws.com",
                "s3.ap-northeast-2.amazonaws.com",
                "sts.ap-northeast-2.amazonaws.com",
            ],
            "worker/external-hosts": ["s3.ap-northeast-2.amazonaws.com", "sts.ap-northeast-2.amazonaws.com"],
        }

    def test_a_host_outside_is_known_in_its_own_namespace_alone(self, built: Mesh) -> None:
        assert all(one["spec"]["exportTo"] == ["."] for one in built.of("ServiceEntry").values())

    def test_each_namespace_sees_its_arrows_targets_alone(self, built: Mesh) -> None:
        seen = {name: one["spec"]["egress"][0]["hosts"] for name, one in built.of("Sidecar").items()}
        apis = {f"{service}/default": ["./*", "postgres/*"] for service in SERVICES if service != "auth"}
        assert seen == {
            **apis,
            "auth/default": ["./*", "postgres/*", "redis/*"],
            "postgres/default": ["./*"],
            "redis/default": ["./*"],
            "worker/default": ["./*", "redis/*"],
        }


class TestDelivery:
    """In which turn the objects come."""

    def test_what_protects_is_there_before_the_way_in_opens(self, built: Mesh) -> None:
        opening = min(wave(one) for kind in ("Gateway", "VirtualService") for one in built.of(kind).values())
        guards = [one for one in built.objects if one["kind"] not in ("Gateway", "VirtualService")]
        assert max(wave(one) for one in guards) < 0 < opening

    def test_the_room_keeps_to_its_share_of_objects(self, built: Mesh) -> None:
        assert len(built.objects) <= 60

    def test_every_object_hangs_below_its_component(self) -> None:
        assert all("platform:mesh:" in one.parent for one in registered(mesh.build_mesh, context()) if one.custom)


def shown_headers(mesh_: Mesh) -> tuple[str, ...]:
    patterns = patch(mesh_, "ext-authz-headers")["typed_config"].get("allowed_headers", {}).get("patterns", [])
    return tuple(one["exact"] for one in patterns)


def patch(mesh_: Mesh, name: str) -> dict[str, Any]:
    found = mesh_.of("EnvoyFilter").get(f"istio-system/{name}")
    value: dict[str, Any] = found["spec"]["configPatches"][0]["patch"]["value"] if found else {"typed_config": {}}
    return value


def removed_headers(mesh_: Mesh) -> set[str]:
    extensions = patch(mesh_, "strip-identity-headers")["typed_config"].get("early_header_mutation_extensions", [])
    return {one["remove"] for extension in extensions for one in extension["typed_config"]["mutations"]}


def check_policy(mesh_: Mesh) -> dict[str, Any]:
    found = mesh_.of("AuthorizationPolicy").get("istio-system/ext-authz-policy")
    return found["spec"] if found else {}


def _asks(mesh_: Mesh) -> bool:
    spec = check_policy(mesh_)
    names = [one["name"] for one in mesh_.config["extensionProviders"]]
    return (
        spec.get("action") == "CUSTOM"
        and spec["provider"]["name"] in names
        and spec["selector"]["matchLabels"].items() <= labels("ingress-gateway").items()
        and all(
            is_checked(spec, f"/api/v1/{service}/history", method)
            for service in SERVICES
            for method in ("GET", "OPTIONS")
        )
    )


def _bypasses_the_documented_paths_alone(mesh_: Mesh) -> bool:
    spec = check_policy(mesh_)
    return not any(is_checked(spec, path) for path in BYPASSED) and ways_past(spec) == []


def _fails_closed(mesh_: Mesh) -> bool:
    return all(
        one["envoyExtAuthzGrpc"]["failOpen"] is False and one["envoyExtAuthzGrpc"]["statusOnError"] == "403"
        for one in mesh_.config["extensionProviders"]
    )


def _strict(mesh_: Mesh) -> bool:
    found = mesh_.of("PeerAuthentication")
    return set(found) == {"istio-system/default"} and found["istio-system/default"]["spec"] == {
        "mtls": {"mode": "STRICT"}
    }


def _mutual_tls_to_every_target(mesh_: Mesh) -> bool:
    rules = {
        one["spec"]["host"]: one["spec"]["trafficPolicy"]["tls"]["mode"] for one in mesh_.of("DestinationRule").values()
    }
    targets = {f"{arrow.target}.{HOMES[arrow.target]}.svc.cluster.local" for arrow in MESH_ARROWS}
    return rules == dict.fromkeys(targets, "ISTIO_MUTUAL") and EXT_AUTHZ_HOST in rules


def _denied_by_default(mesh_: Mesh) -> bool:
    strangers = [Call(CALLERS["my-api"], "debug", 8000, "/"), Call("", "sleep", 80, "/api/v1/x")]
    return not any(admitted(mesh_, call) for call in strangers)


def _logs_no_credential(mesh_: Mesh) -> bool:
    fields = json.loads(mesh_.config["accessLogFormat"])
    return "QUERY" in fields["path"] and not any(
        word in text.lower() for text in fields.values() for word in ("authorization", "cookie", "token")
    )


PROTECTIONS: dict[str, Callable[[Mesh], bool]] = {
    "ext-authz is asked about every protected path and method": _asks,
    "the documented paths, and no disguise of them, are not asked about": _bypasses_the_documented_paths_alone,
    "without an answer in time a request is refused": _fails_closed,
    "encoded slashes, dots and doubled slashes are resolved before any policy": lambda mesh_: (
        mesh_.config["pathNormalization"] == {"normalization": "DECODE_AND_MERGE_SLASHES"}
    ),
    "clients' copies of the identity headers are removed, underscores too": lambda mesh_: (
        {*IDENTITY_HEADERS, "x_user_id", "x_auth_provider"} <= removed_headers(mesh_)
    ),
    "headers with underscores are refused": lambda mesh_: (
        patch(mesh_, "reject-underscores")["typed_config"].get("common_http_protocol_options")
        == {"headers_with_underscores_action": "REJECT_REQUEST"}
    ),
    "the authorizer sees the documented headers alone": lambda mesh_: shown_headers(mesh_) == CHECKED_HEADERS,
    "the cookie's script runs first of all filters": lambda mesh_: (
        "cookie" in json.dumps(patch(mesh_, "cookie-to-header"))
    ),
    "plain text is refused in the whole mesh": _strict,
    "every call between workloads is mTLS, ext-authz's too": _mutual_tls_to_every_target,
    "a workload that no arrow names is called by nobody": _denied_by_default,
    "no edge but the arrows exists": lambda mesh_: (
        edges(mesh_) == {(arrow.source, arrow.target, arrow.port) for arrow in MESH_ARROWS}
    ),
    "nothing outside is called that no list names": lambda mesh_: (
        mesh_.config["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
        and all(
            one["spec"]["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"} for one in mesh_.of("Sidecar").values()
        )
    ),
    "external hosts are named one by one": lambda mesh_: (
        not any("*" in host for one in mesh_.of("ServiceEntry").values() for host in one["spec"]["hosts"])
    ),
    "access logs hold no query and no credential": _logs_no_credential,
}


@pytest.mark.parametrize("holds", PROTECTIONS.values(), ids=PROTECTIONS.keys())
def test_the_mesh_keeps(built: Mesh, holds: Callable[[Mesh], bool]) -> None:
    assert holds(built)


def _without(name: str) -> Callable[[Mesh], None]:
    def remove(mesh_: Mesh) -> None:
        gone = [one for one in mesh_.objects if one["metadata"]["name"] == name]
        assert gone
        mesh_.objects[:] = [one for one in mesh_.objects if one not in gone]

    return remove


def _operation(mesh_: Mesh) -> dict[str, Any]:
    operation: dict[str, Any] = check_policy(mesh_)["rules"][0]["to"][0]["operation"]
    return operation


def _provider(mesh_: Mesh) -> dict[str, Any]:
    settings: dict[str, Any] = mesh_.config["extensionProviders"][0]["envoyExtAuthzGrpc"]
    return settings


def _any_principal(mesh_: Mesh) -> None:
    del mesh_.of("AuthorizationPolicy")["redis/redis"]["spec"]["rules"][0]["from"]


def _widened(wider: str) -> Callable[[Mesh], None]:
    return lambda mesh_: _operation(mesh_)["notPaths"].append(wider)


ASKED, BYPASS, CLOSED, NORMAL, STRIPPED, DISGUISED, SHOWN, COOKIE, PLAIN, MUTUAL, DENIED, EDGES, LISTED, NAMED, LOGS = (
    PROTECTIONS
)

BROKEN: list[tuple[str, str, Callable[[Mesh], Any]]] = [
    ("the policy is gone", ASKED, _without("ext-authz-policy")),
    ("the policy names a provider that is none", ASKED, lambda mesh_: check_policy(mesh_)["provider"].update(name="extauthz")),
    ("the policy is for another gateway", ASKED, lambda mesh_: check_policy(mesh_)["selector"]["matchLabels"].update(istio="x")),
    ("preflights are excepted", ASKED, lambda mesh_: _operation(mesh_).update(notMethods=["OPTIONS"])),
    ("one segment of any name is bypassed", BYPASS, _widened("/api/v1/{*}/docs")),
    ("a prefix is bypassed", BYPASS, _widened("/api/v1/auth/*")),
    ("a suffix is bypassed", BYPASS, _widened("*/health")),
    ("a documented path is asked about", BYPASS, lambda mesh_: _operation(mesh_)["notPaths"].remove("/api/v1/auth/refresh")),
    ("the authorizer fails open", CLOSED, lambda mesh_: _provider(mesh_).update(failOpen=True)),
    ("an error is an answer", CLOSED, lambda mesh_: _provider(mesh_).update(statusOnError="200")),
    ("paths are compared as they come", NORMAL, lambda mesh_: mesh_.config["pathNormalization"].update(normalization="NONE")),
    (
        "slashes are merged but not decoded", NORMAL,
        lambda mesh_: mesh_.config["pathNormalization"].update(normalization="MERGE_SLASHES"),
    ),
    ("the stripping filter is gone", STRIPPED, _without("strip-identity-headers")),
    ("headers with underscores are let in", DISGUISED, _without("reject-underscores")),
    ("the authorizer sees every header", SHOWN, _without("ext-authz-headers")),
    ("the cookie's filter is gone", COOKIE, _without("cookie-to-header")),
    (
        "mTLS is permissive", PLAIN,
        lambda mesh_: mesh_.of("PeerAuthentication")["istio-system/default"]["spec"]["mtls"].update(mode="PERMISSIVE"),
    ),
    (
        "ext-authz is called in plain text", MUTUAL,
        lambda mesh_: mesh_.of("DestinationRule")["auth/ext-authz"]["spec"]["trafficPolicy"]["tls"].update(mode="DISABLE"),
    ),
    ("the default deny is gone", DENIED, _without("default-deny")),
    ("redis takes anyone", EDGES, _any_principal),
    ("an api's policy is gone", EDGES, _without("scan-api")),
    (
        "the mesh lets everything out", LISTED,
        lambda mesh_: mesh_.config.update(outboundTrafficPolicy={"mode": "ALLOW_ANY"}),
    ),
    (
        "a namespace lets everything out", LISTED,
        lambda mesh_: mesh_.of("Sidecar")["scan/default"]["spec"].update(outboundTrafficPolicy={"mode": "ALLOW_ANY"}),
    ),
    (
        "a wildcard is external", NAMED,
        lambda mesh_: mesh_.of("ServiceEntry")["auth/external-hosts"]["spec"]["hosts"].append("*.kakao.com"),
    ),
    (
        "the log has the token", LOGS,
        lambda mesh_: mesh_.config.update(accessLogFormat='{"path": "%REQ_WITHOUT_QUERY(:PATH)%", "a": "%REQ(AUTHORIZATION)%"}'),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("protection", "break_it"), [one[1:] for one in BROKEN], ids=[one[0] for one in BROKEN])
def test_its_removal_is_noticed(built: Mesh, protection: str, break_it: Callable[[Mesh], Any]) -> None:
    broken = copy.deepcopy(built)
    break_it(broken)
    assert not PROTECTIONS[protection](broken)


def test_every_protection_is_taken_out_once() -> None:
    assert {protection for _, protection, _ in BROKEN} == set(PROTECTIONS)
