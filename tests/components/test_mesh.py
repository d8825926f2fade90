"""The mesh's components: the file each object becomes, what builders refuse, and protections taken out again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from infra.components.mesh.authorization import (
    Allow,
    AllowArgs,
    Anyone,
    Caller,
    DefaultDeny,
    ExternalAuthorization,
    ExternalAuthorizationArgs,
    allow,
    external_authorization,
    principal,
)
from infra.components.mesh.destinations import Destination, DestinationArgs, destination
from infra.components.mesh.egress import (
    ExternalHosts,
    ExternalHostsArgs,
    Visibility,
    VisibilityArgs,
    external_hosts,
    visibility,
)
from infra.components.mesh.filters.checked_headers import checked_headers
from infra.components.mesh.filters.lua import lua_filter
from infra.components.mesh.filters.placing import GatewayFilter, GatewayFilterArgs, gateway_filter
from infra.components.mesh.filters.request_headers import stripped_headers
from infra.components.mesh.gateway import Gateway, GatewayArgs, Server, gateway
from infra.components.mesh.mesh_config import GrpcAuthorizer, MeshConfigArgs, mesh_config
from infra.components.mesh.mutual_tls import MutualTls
from infra.components.mesh.objects import Place
from infra.components.mesh.paths import matches
from infra.components.mesh.routes import NO_RETRIES, Route, Routes, RoutesArgs, routes
from infra.components.mesh.telemetry import Telemetry, TelemetryArgs, telemetry
from infra.systems.eco2.document import BYPASSED
from rehearsal.cloud import Cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording
from rehearsal.stack_file import StackFile
from tests.stacks import ROOT

STACK = StackFile(project="mesh", stack="test", path=ROOT, config={}, secret_keys=frozenset(), stood_in=())
EDGE = {"istio": "ingressgateway"}
HOST = "api.eco2.example"
LUA = (ROOT / "deploy/eco2/lua/cookie_to_header.lua").read_text()


def at(name: str, namespace: str = "istio-system") -> Place:
    return Place(name=name, namespace=namespace)


GATEWAY = GatewayArgs(place=at("eco2-gateway"), workload=EDGE, servers=[Server(port=80, hosts=[HOST])])
SCAN = Route(prefix="/api/v1/scan", host="scan-api.scan.svc.cluster.local", port=8000, timeout="30s")
SCAN_ROUTES = RoutesArgs(place=at("scan-vs", "scan"), hosts=[HOST], gateways=[GATEWAY.place.reference], routes=[SCAN])
CHECK = ExternalAuthorizationArgs(
    place=at("ext-authz-policy"), workload=EDGE, provider="ext-authz", paths=["/api/v1/*"], not_paths=BYPASSED
)
CALLER = Caller(principals=[principal("istio-system", "istio-ingressgateway")], ports=[8000], paths=["/api/v1/scan/*"])
SCAN_ALLOWED = AllowArgs(place=at("scan-api", "scan"), workload={"app": "scan-api"}, callers=[CALLER])
EDGE_ALLOWED = AllowArgs(place=at("edge"), workload=EDGE, callers=[Anyone(paths=["/api/v1/*"])])
SCAN_HOST = DestinationArgs(place=at("scan-api", "scan"), host=SCAN.host, replicas=2)
OAUTH = ExternalHostsArgs(place=at("oauth", "auth"), hosts=["kauth.kakao.com", "oauth2.googleapis.com"])
SEEN = VisibilityArgs(place=at("default", "scan"), hosts=["istio-system/*"])
LOGS = TelemetryArgs(place=at("mesh"), log_filter="response.code >= 400")
MESH = MeshConfigArgs(
    authorizers=[
        GrpcAuthorizer(name="ext-authz", service="ext-authz.auth.svc.cluster.local", port=50051, timeout="0.25s")
    ],
    trusted_proxies=1,
)


def edge_filter(name: str, patch: dict[str, Any]) -> GatewayFilterArgs:
    return GatewayFilterArgs(place=at(name), workload=EDGE, patches=[patch])


def program() -> None:
    Gateway("eco2-mesh-gateway", GATEWAY)
    Routes("eco2-mesh-scan-routes", SCAN_ROUTES)
    ExternalAuthorization("eco2-mesh-ext-authz", CHECK)
    MutualTls("eco2-mesh-mtls", at("default"))
    DefaultDeny("eco2-mesh-deny", at("default-deny"))
    Allow("eco2-mesh-scan-allow", SCAN_ALLOWED)
    Allow("eco2-mesh-edge-allow", EDGE_ALLOWED)
    Destination("eco2-mesh-scan-host", SCAN_HOST)
    ExternalHosts("eco2-mesh-oauth", OAUTH)
    Visibility("eco2-mesh-scan-sees", SEEN)
    Telemetry("eco2-mesh-telemetry", LOGS)
    lua = edge_filter("cookie-to-header", lua_filter(LUA))
    strip = edge_filter("strip-identity", stripped_headers(["x-user-id", "x-auth-provider"]))
    headers = ["authorization", "x-refresh-token", "x-request-id"]
    GatewayFilter("eco2-mesh-cookie", lua)
    GatewayFilter("eco2-mesh-strip", strip)
    GatewayFilter("eco2-mesh-checked", edge_filter("ext-authz-headers", checked_headers(headers)))


def rendered(folder: Path) -> tuple[Recording, dict[str, str]]:
    recording = run(program, STACK, Cloud({}))
    write_manifests(recording, folder)
    return recording, {path.name: path.read_text() for path in sorted((folder / "eco2/1-manifest").iterdir())}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recording, dict[str, str]]:
    return rendered(tmp_path_factory.mktemp("mesh"))


@pytest.fixture(scope="module")
def files(built: tuple[Recording, dict[str, str]]) -> dict[str, Any]:
    return {name: yaml.safe_load(text) for name, text in built[1].items()}


def test_every_object_is_a_file_of_its_own(files: dict[str, Any]) -> None:
    assert list(files) == [
        "networking.istio.io_v1-destinationrule-scan-scan-api.yaml",
        "networking.istio.io_v1-gateway-istio-system-eco2-gateway.yaml",
        "networking.istio.io_v1-serviceentry-auth-oauth.yaml",
        "networking.istio.io_v1-sidecar-scan-default.yaml",
        "networking.istio.io_v1-virtualservice-scan-scan-vs.yaml",
        "networking.istio.io_v1alpha3-envoyfilter-istio-system-cookie-to-header.yaml",
        "networking.istio.io_v1alpha3-envoyfilter-istio-system-ext-authz-headers.yaml",
        "networking.istio.io_v1alpha3-envoyfilter-istio-system-strip-identity.yaml",
        "security.istio.io_v1-authorizationpolicy-istio-system-default-deny.yaml",
        "security.istio.io_v1-authorizationpolicy-istio-system-edge.yaml",
        "security.istio.io_v1-authorizationpolicy-istio-system-ext-authz-policy.yaml",
        "security.istio.io_v1-authorizationpolicy-scan-scan-api.yaml",
        "security.istio.io_v1-peerauthentication-istio-system-default.yaml",
        "telemetry.istio.io_v1-telemetry-istio-system-mesh.yaml",
    ]


def test_an_object_has_its_spec_at_the_top_and_nothing_more(files: dict[str, Any]) -> None:
    for manifest in files.values():
        assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
        assert set(manifest["metadata"]) == {"name", "namespace"}


def test_two_runs_write_the_same_bytes(built: tuple[Recording, dict[str, str]], tmp_path: Path) -> None:
    assert rendered(tmp_path)[1] == built[1]


def test_annotations_are_for_who_delivers_and_left_out_without_need() -> None:
    assert at("x").metadata == {"name": "x", "namespace": "istio-system"}
    delivered = Place(name="x", namespace="istio-system", annotations={"turn": "1"})
    assert delivered.metadata == {"name": "x", "namespace": "istio-system", "annotations": {"turn": "1"}}


def test_every_object_hangs_below_its_component(built: tuple[Recording, dict[str, str]]) -> None:
    for resource in built[0]:
        if resource.custom:
            assert "platform:mesh:" in resource.parent


def spec(files: dict[str, Any], ending: str) -> Any:
    (found,) = [manifest for name, manifest in files.items() if name.endswith(f"{ending}.yaml")]
    return found["spec"]


def test_the_gateway_takes_plain_http_for_its_hosts(files: dict[str, Any]) -> None:
    assert spec(files, "eco2-gateway") == {
        "selector": EDGE,
        "servers": [{"port": {"number": 80, "name": "http-80", "protocol": "HTTP"}, "hosts": [HOST]}],
    }


def routed(route: dict[str, Any], path: str) -> bool:
    return any(
        path == match["uri"].get("exact") or ("prefix" in match["uri"] and path.startswith(match["uri"]["prefix"]))
        for match in route["match"]
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/api/v1/scan", True), ("/api/v1/scan/", True), ("/api/v1/scan/a/b", True), ("/api/v1/scanner", False),
     ("/api/v1/scan;x", False), ("/api/v1/SCAN/a", False), ("/x/api/v1/scan/", False)],
)  # fmt: skip
def test_a_route_takes_its_prefix_and_what_is_below(files: dict[str, Any], path: str, expected: bool) -> None:
    (route,) = spec(files, "scan-vs")["http"]
    assert routed(route, path) is expected


def test_a_route_repeats_only_what_the_upstream_has_not_seen(files: dict[str, Any]) -> None:
    (route,) = spec(files, "scan-vs")["http"]
    assert route["retries"] == {"attempts": 2, "retryOn": "connect-failure,refused-stream,reset-before-request"}
    assert route["timeout"] == "30s"


def test_a_stream_has_no_timeout_and_may_have_no_retries() -> None:
    (route,) = routes(replace(SCAN_ROUTES, routes=[replace(SCAN, timeout=None, retries=NO_RETRIES)]))["http"]
    assert "timeout" not in route
    assert route["retries"] == {"attempts": 0}


def test_the_edge_asks_about_the_api_but_for_the_documented_paths(files: dict[str, Any]) -> None:
    assert spec(files, "ext-authz-policy") == {
        "selector": {"matchLabels": EDGE},
        "action": "CUSTOM",
        "provider": {"name": "ext-authz"},
        "rules": [{"to": [{"operation": {"paths": ["/api/v1/*"], "notPaths": list(BYPASSED)}}]}],
    }


def test_preflights_can_be_excepted() -> None:
    (rule,) = external_authorization(replace(CHECK, not_methods=["OPTIONS"]))["rules"]
    assert rule["to"][0]["operation"]["notMethods"] == ["OPTIONS"]


def test_default_deny_is_an_empty_spec_and_mutual_tls_is_strict(files: dict[str, Any]) -> None:
    assert spec(files, "default-deny") == {}
    assert spec(files, "peerauthentication-istio-system-default") == {"mtls": {"mode": "STRICT"}}


def test_an_allowance_names_who_and_what(files: dict[str, Any]) -> None:
    assert spec(files, "authorizationpolicy-scan-scan-api") == {
        "selector": {"matchLabels": {"app": "scan-api"}},
        "action": "ALLOW",
        "rules": [
            {
                "from": [{"source": {"principals": ["cluster.local/ns/istio-system/sa/istio-ingressgateway"]}}],
                "to": [{"operation": {"ports": ["8000"], "paths": ["/api/v1/scan/*"]}}],
            }
        ],
    }
    assert spec(files, "istio-system-edge")["rules"] == [{"to": [{"operation": {"paths": ["/api/v1/*"]}}]}]


def test_a_host_is_bounded_and_half_of_its_replicas_stay(files: dict[str, Any]) -> None:
    policy = spec(files, "destinationrule-scan-scan-api")["trafficPolicy"]
    assert policy["tls"] == {"mode": "ISTIO_MUTUAL"}
    assert policy["connectionPool"]["tcp"]["connectTimeout"] == "2s"
    assert policy["outlierDetection"]["maxEjectionPercent"] == 50


@pytest.mark.parametrize(("replicas", "percent"), [(2, 50), (3, 33), (5, 40), (10, 50)])
def test_never_more_than_half_is_ejected(replicas: int, percent: int) -> None:
    policy = destination(replace(SCAN_HOST, replicas=replicas))["trafficPolicy"]
    assert policy["outlierDetection"]["maxEjectionPercent"] == percent


def test_a_single_host_is_never_ejected() -> None:
    assert "outlierDetection" not in destination(replace(SCAN_HOST, replicas=1))["trafficPolicy"]


def test_external_hosts_are_for_one_namespace(files: dict[str, Any]) -> None:
    assert spec(files, "auth-oauth") == {
        "hosts": ["kauth.kakao.com", "oauth2.googleapis.com"],
        "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "exportTo": ["."],
    }
    assert spec(files, "sidecar-scan-default") == {
        "egress": [{"hosts": ["./*", "istio-system/*"]}],
        "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
    }


def test_telemetry_logs_and_measures(files: dict[str, Any]) -> None:
    assert spec(files, "telemetry-istio-system-mesh") == {
        "accessLogging": [{"providers": [{"name": "envoy"}], "filter": {"expression": "response.code >= 400"}}],
        "metrics": [{"providers": [{"name": "prometheus"}]}],
    }
    assert "filter" not in telemetry(TelemetryArgs(place=at("mesh")))["accessLogging"][0]


def patch(files: dict[str, Any], name: str) -> Any:
    found = spec(files, name)
    assert found["workloadSelector"] == {"labels": EDGE}
    (only,) = found["configPatches"]
    assert only["match"]["context"] == "GATEWAY"
    return only


def test_the_script_runs_before_every_other_filter_and_is_the_file(files: dict[str, Any]) -> None:
    found = patch(files, "cookie-to-header")
    assert (found["applyTo"], found["patch"]["operation"]) == ("HTTP_FILTER", "INSERT_FIRST")
    assert found["patch"]["value"]["typed_config"] == {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": LUA},
    }


def test_identity_headers_of_clients_are_removed_before_the_filters(files: dict[str, Any]) -> None:
    found = patch(files, "strip-identity")
    assert (found["applyTo"], found["patch"]["operation"]) == ("NETWORK_FILTER", "MERGE")
    (mutation,) = found["patch"]["value"]["typed_config"]["early_header_mutation_extensions"]
    assert [one["remove"] for one in mutation["typed_config"]["mutations"]] == [
        "x-auth-provider", "x-user-id", "x_auth_provider", "x_user_id",
    ]  # fmt: skip


def test_the_authorizer_sees_the_documented_headers(files: dict[str, Any]) -> None:
    found = patch(files, "ext-authz-headers")
    assert found["match"]["listener"]["filterChain"]["filter"]["subFilter"] == {"name": "envoy.filters.http.ext_authz"}
    patterns = found["patch"]["value"]["typed_config"]["allowed_headers"]["patterns"]
    assert [one["exact"] for one in patterns] == ["authorization", "x-refresh-token", "x-request-id"]


def test_the_mesh_fails_closed_and_lets_nothing_out_unlisted() -> None:
    config = mesh_config(MESH)
    assert config["extensionProviders"] == [
        {
            "name": "ext-authz",
            "envoyExtAuthzGrpc": {
                "service": "ext-authz.auth.svc.cluster.local",
                "port": 50051,
                "timeout": "0.25s",
                "failOpen": False,
                "statusOnError": "403",
            },
        }
    ]
    assert config["pathNormalization"] == {"normalization": "DECODE_AND_MERGE_SLASHES"}
    assert config["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
    assert config["defaultConfig"]["gatewayTopology"] == {"numTrustedProxies": 1}


def test_the_access_log_is_json_and_holds_neither_query_nor_credentials() -> None:
    fields = json.loads(mesh_config(MESH)["accessLogFormat"])
    assert fields["path"] == "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%"
    assert not any(word in value.lower() for value in fields.values() for word in ("authorization", "cookie", "token"))


def fails_closed(config: dict[str, Any]) -> bool:
    """Whether a request that its authorizer did not answer in time is refused, for every authorizer."""
    settings = [provider["envoyExtAuthzGrpc"] for provider in config["extensionProviders"]]
    return all(
        one["failOpen"] is False and one["statusOnError"].startswith("4") and 0 < float(one["timeout"].rstrip("s")) < 1
        for one in settings
    )


@pytest.mark.parametrize("changes", [{"failOpen": True}, {"statusOnError": "200"}, {"timeout": "600s"}])
def test_an_authorizer_that_fails_open_is_noticed(changes: dict[str, Any]) -> None:
    config = mesh_config(MESH)
    assert fails_closed(config)
    config["extensionProviders"][0]["envoyExtAuthzGrpc"] |= changes
    assert not fails_closed(config)


class Call(NamedTuple):
    source: str
    namespace: str
    app: str
    port: int
    path: str


def admitted(files: dict[str, Any], call: Call) -> bool:
    """Istio's rule for ALLOW: where no policy is for the workload, everything; else what any rule of any of them matches."""
    policies = [
        one["spec"]
        for one in files.values()
        if one["kind"] == "AuthorizationPolicy"
        and one["spec"].get("action", "ALLOW") == "ALLOW"
        and one["metadata"]["namespace"] in {call.namespace, "istio-system"}
        and one["spec"].get("selector", {}).get("matchLabels", {}).items() <= {"app": call.app}.items()
    ]
    rules = [rule for policy in policies for rule in policy.get("rules", ())]
    return not policies or any(_admits(rule, call) for rule in rules)


def _admits(rule: dict[str, Any], call: Call) -> bool:
    sources = [one["source"]["principals"] for one in rule.get("from", ())]
    operations = [one["operation"] for one in rule.get("to", ())]
    return (not sources or any(call.source in one for one in sources)) and (
        not operations
        or any(
            str(call.port) in one.get("ports", [str(call.port)])
            and any(matches(pattern, call.path) for pattern in one.get("paths", "*"))
            for one in operations
        )
    )


INGRESS, MY = principal("istio-system", "istio-ingressgateway"), principal("my", "my-api")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Call(INGRESS, "scan", "scan-api", 8000, "/api/v1/scan/1"), True),
        (Call(INGRESS, "scan", "scan-api", 8000, "/admin"), False),
        (Call(INGRESS, "scan", "scan-api", 9000, "/api/v1/scan/1"), False),
        (Call(MY, "scan", "scan-api", 8000, "/api/v1/scan/1"), False),
        (Call("", "scan", "scan-api", 8000, "/api/v1/scan/1"), False),
        (Call(INGRESS, "chat", "chat-api", 8000, "/api/v1/chat/1"), False),
    ],
)
def test_only_the_listed_edges_exist(files: dict[str, Any], call: Call, expected: bool) -> None:
    assert admitted(files, call) is expected


def test_without_the_default_deny_a_workload_that_no_policy_names_would_be_open(files: dict[str, Any]) -> None:
    opened = {name: one for name, one in files.items() if not name.endswith("default-deny.yaml")}
    call = Call(MY, "chat", "chat-api", 8000, "/")
    assert admitted(opened, call)
    assert not admitted(files, call)


OPENED: dict[str, Callable[[], object]] = {
    "a gateway for any host": lambda: gateway(replace(GATEWAY, servers=[Server(port=80, hosts=["*"])])),
    "a gateway for any host of a namespace": lambda: gateway(
        replace(GATEWAY, servers=[Server(port=80, hosts=["scan/*"])])
    ),
    "a gateway on every workload": lambda: gateway(replace(GATEWAY, workload={})),
    "a route that hides a later one": lambda: routes(
        replace(SCAN_ROUTES, routes=[SCAN, replace(SCAN, prefix="/api/v1/scan/admin")])
    ),
    "a prefix with a slash at its end": lambda: routes(
        replace(SCAN_ROUTES, routes=[replace(SCAN, prefix="/api/v1/scan/")])
    ),
    "a check without paths": lambda: external_authorization(replace(CHECK, paths=[])),
    "a check of every workload": lambda: external_authorization(replace(CHECK, workload={})),
    "a documented template taken literally": lambda: external_authorization(
        replace(CHECK, not_paths=["/api/v1/{service}/docs"])
    ),
    "a bypass listed twice": lambda: external_authorization(replace(CHECK, not_paths=["/a", "/a"])),
    "an allowance without a workload": lambda: allow(replace(SCAN_ALLOWED, workload={})),
    "an allowance without a caller": lambda: allow(replace(SCAN_ALLOWED, callers=[])),
    "a caller without a principal": lambda: allow(replace(SCAN_ALLOWED, callers=[Caller(principals=[])])),
    "a principal with a wildcard": lambda: allow(replace(SCAN_ALLOWED, callers=[Caller(principals=["*"])])),
    "a principal with its scheme": lambda: allow(
        replace(SCAN_ALLOWED, callers=[Caller(principals=["spiffe://cluster.local/ns/a/sa/b"])])
    ),
    "anyone, for any path": lambda: allow(replace(SCAN_ALLOWED, callers=[Anyone(paths=[])])),
    "an external wildcard": lambda: external_hosts(replace(OAUTH, hosts=["*.kakao.com"])),
    "the whole mesh in sight": lambda: visibility(replace(SEEN, hosts=["*/*"])),
    "two authorizers of one name": lambda: mesh_config(replace(MESH, authorizers=[*MESH.authorizers] * 2)),
    "a script that does nothing": lambda: lua_filter("-- later"),
    "no header to strip": lambda: stripped_headers([]),
    "a check without headers": lambda: checked_headers([]),
    "a patch of every gateway": lambda: gateway_filter(replace(edge_filter("x", {}), workload={})),
    "a name that is none": lambda: at("Eco2_Gateway"),
    "a namespace that is none": lambda: at("x", ""),
}


@pytest.mark.parametrize("build", OPENED.values(), ids=OPENED.keys())
def test_what_would_open_more_than_it_says_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        build()
