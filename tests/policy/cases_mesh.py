"""What each rule of the mesh must find, once the real stack is spoiled in that one place."""

from __future__ import annotations

from typing import Any

from policy.kubernetes_objects import APPLICATION, DEPLOYMENT, NAMESPACE, SERVICE
from policy.mesh_objects import (
    AUTHORIZATION_POLICY,
    DESTINATION_RULE,
    ENVOY_FILTER,
    GATEWAY,
    PEER_AUTHENTICATION,
    SERVICE_ENTRY,
    SIDECAR,
    TELEMETRY,
    VIRTUAL_SERVICE,
)
from tests.policy.broken import Broken

CONFIG = "spec.source.helm.valuesObject.meshConfig"
PROVIDER = f"{CONFIG}.extensionProviders.0.envoyExtAuthzGrpc"
OPERATION = "spec.rules.0.to.0.operation"
ROUTE = "spec.http.0"
SCRIPT = "spec.configPatches.0.patch.value.typed_config.default_source_code.inline_string"
ISTIOD, GATE = "eco2-platform-istiod-application", "eco2-mesh-gateway-gateway"
UNGUARDED = frozenset(
    {
        "mesh-allow-named",
        "mesh-envoyfilter-in-its-room",
        "mesh-ext-authz-covers-routes",
        "mesh-identity-headers-stripped",
    }
)
"""What else is wrong with a gateway that no policy and no filter selects."""

MUTATIONS = "spec.configPatches.0.patch.value.typed_config.early_header_mutation_extensions.0.typed_config.mutations"


def _istiod(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=APPLICATION, name="eco2-platform-istiod-application", change=change, **more)


def _mtls(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(
        rule=rule, type=PEER_AUTHENTICATION, name="eco2-mesh-mutual-tls-peerauthentication", change=change, **more
    )


def _policy(rule: str, name: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(
        rule=rule, type=AUTHORIZATION_POLICY, name=f"eco2-mesh-{name}-authorizationpolicy", change=change, **more
    )


def _check(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return _policy(rule, "ext-authz", change, **more)


def _filter(rule: str, name: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=ENVOY_FILTER, name=f"eco2-mesh-{name}-envoyfilter", change=change, **more)


def _gateway(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=GATEWAY, name="eco2-mesh-gateway-gateway", change=change, **more)


def _route(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=VIRTUAL_SERVICE, name="eco2-mesh-scan-routes-virtualservice", change=change, **more)


def _destination(rule: str, change: dict[str, Any], name: str = "scan-api", **more: Any) -> Broken:
    return Broken(rule=rule, type=DESTINATION_RULE, name=f"eco2-mesh-destination-{name}-destinationrule", change=change)


def _external(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=SERVICE_ENTRY, name="eco2-mesh-external-auth-serviceentry", change=change, **more)


def _sidecar(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=SIDECAR, name="eco2-mesh-visible-scan-sidecar", change=change, **more)


def _telemetry(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=TELEMETRY, name="eco2-mesh-telemetry-telemetry", change=change, **more)


def _pod(rule: str, change: dict[str, Any], **more: Any) -> Broken:
    return Broken(rule=rule, type=DEPLOYMENT, name="eco2-workloads-scan-api-deployment", change=change, **more)


_SECURITY = (
    _mtls("mesh-mtls-strict", {"spec.mtls.mode": "PERMISSIVE"}, also=frozenset({"mesh-mtls-no-exception"})),
    _mtls("mesh-mtls-strict", {"spec.selector.matchLabels": {"app": "istiod"}}),
    _mtls("mesh-mtls-strict", {"metadata.namespace": "scan"}, on=ISTIOD),
    _mtls("mesh-mtls-no-exception", {"spec.mtls.mode": "DISABLE"}, also=frozenset({"mesh-mtls-strict"})),
    _mtls("mesh-mtls-no-exception", {"spec.portLevelMtls": {"8000": {"mode": "PERMISSIVE"}}}),
    _policy("mesh-default-deny", "default-deny", {"spec": {"rules": [{}]}}, also=frozenset({"mesh-allow-named"})),
    _policy("mesh-default-deny", "default-deny", {"spec": {"action": "AUDIT"}}),
    _policy("mesh-default-deny", "default-deny", {"metadata.namespace": "scan"}, on=ISTIOD),
    _policy("mesh-allow-named", "allow-scan-api", {"spec.rules.0.from": ...}),
    _policy("mesh-allow-named", "allow-scan-api", {"spec.rules.0.from.0.source.principals": ["*"]}),
    _policy("mesh-allow-named", "allow-scan-api", {"spec.rules.0.to": ...}),
    _policy("mesh-allow-named", "allow-scan-api", {"spec.selector": ...}),
    _policy("mesh-allow-named", "allow-scan-api", {f"{OPERATION}.notPaths": ["/api/v1/scan/admin"]}),
    _policy("mesh-allow-named", "allow-edge", {f"{OPERATION}.paths": ["/*"]}),
    _policy("mesh-allow-named", "default-deny", {"spec": {"rules": [{}]}}, also=frozenset({"mesh-default-deny"})),
    _policy(
        "mesh-principal-known",
        "allow-scan-api",
        {"spec.rules.0.from.0.source.principals": ["cluster.local/ns/scan/sa/default"]},
    ),
    _check("mesh-ext-authz-provider-known", {"spec.provider.name": "ext-auth"}),
    _istiod(
        "mesh-ext-authz-provider-known",
        {f"{CONFIG}.extensionProviders": []},
        on="eco2-mesh-ext-authz-authorizationpolicy",
    ),
    _istiod("mesh-ext-authz-in-mesh", {f"{PROVIDER}.service": "auth.example.com"}),
    _istiod("mesh-ext-authz-in-mesh", {f"{PROVIDER}.port": 50052}),
    Broken(
        rule="mesh-ext-authz-in-mesh",
        type=NAMESPACE,
        name="eco2-namespaces-auth-namespace",
        change={"metadata.labels.istio-injection": "disabled"},
        on=ISTIOD,
        also=frozenset({"mesh-injection-enabled"}),
    ),
    _check(
        "mesh-ext-authz-covers-routes",
        {f"{OPERATION}.paths": ["/api/v1/auth/*"]},
        on="eco2-mesh-scan-routes-virtualservice",
    ),
    _check("mesh-ext-authz-covers-routes", {"spec.action": "AUDIT"}, on="eco2-mesh-scan-routes-virtualservice"),
    _check(
        "mesh-ext-authz-covers-routes",
        {"spec.selector.matchLabels": {"istio": "another"}},
        on="eco2-mesh-scan-routes-virtualservice",
    ),
    _route("mesh-ext-authz-covers-routes", {f"{ROUTE}.match.1.uri": {"prefix": "/"}}),
    _route("mesh-ext-authz-covers-routes", {f"{ROUTE}.match": ...}),
    _route("mesh-ext-authz-covers-routes", {f"{ROUTE}.match.1.uri": {"regex": "/api/.*"}}),
    *(
        _check("mesh-bypass-anchored", {f"{OPERATION}.notPaths.0": path})
        for path in (
            "/api/v1/auth/*",
            "*/docs",
            "/api/v1/{*}/docs",
            "api/v1/auth/kakao",
            "/api/v1/auth/kakao/",
            "/api/v1/auth/%6bakao",
            "/api/v1/auth/../scan",
            "/api//v1/auth/kakao",
        )
    ),
    *(
        _check("mesh-bypass-documented", {f"{OPERATION}.notPaths.0": path})
        for path in ("/api/v1/scan/results", "/api/v1/auth", "/api/v1/scan/kakao", "/api/v1/auth/kakao/docs")
    ),
    _check("mesh-ext-authz-not-narrowed", {f"{OPERATION}.notMethods": ["OPTIONS", "GET"]}),
    _check("mesh-ext-authz-not-narrowed", {f"{OPERATION}.hosts": ["api.eco2.example.com"]}),
    _check("mesh-ext-authz-not-narrowed", {"spec.rules.0.when": [{"key": "request.headers[x]", "values": ["1"]}]}),
    _check("mesh-ext-authz-not-narrowed", {"spec.rules.0.from": [{"source": {"notIpBlocks": ["10.0.0.0/8"]}}]}),
    _check(
        "mesh-ext-authz-not-narrowed", {f"{OPERATION}.paths": ...}, also=frozenset({"mesh-ext-authz-covers-routes"})
    ),
    _check("mesh-ext-authz-not-narrowed", {"spec.selector": ...}),
    _check(
        "mesh-ext-authz-not-narrowed",
        {f"{OPERATION}.notHosts": ["*.eco2.example.com"]},
        also=frozenset({"mesh-own-tokens-required", "mesh-own-tokens-read-safely"}),
    ),
    _policy("mesh-own-hosts", "allow-edge", {f"{OPERATION}.hosts.0": "lab.eco2.example.com"}),
    _policy("mesh-own-hosts", "allow-edge", {f"{OPERATION}.hosts": ["next.eco2.example.com"]}),
    _check("mesh-own-tokens-required", {f"{OPERATION}.notHosts": ["api.eco2.example.com", "api.eco2.example.com:*"]}),
    *(
        Broken(
            rule="mesh-own-tokens-required",
            type=AUTHORIZATION_POLICY,
            name="eco2-tenant-gateway-lab-lab-token-authorizationpolicy",
            change={"spec.rules.0.when": [condition]},
            on="eco2-mesh-ext-authz-authorizationpolicy",
        )
        for condition in (
            {"key": "experimental.envoy.filters.http.api_keys[consumer]", "values": ["*"]},
            {"key": "request.headers[x-lab-consumer]", "notValues": ["*"]},
        )
    ),
    _check(
        "mesh-own-tokens-read-safely",
        {f"{OPERATION}.notHosts": ["api.eco2.example.com"]},
        also=frozenset({"mesh-own-tokens-required"}),
    ),
    _filter(
        "mesh-identity-headers-stripped", "strip-identity-headers", {f"{MUTATIONS}.1": {"remove": "x-other"}}, on=GATE
    ),
    _filter("mesh-identity-headers-stripped", "strip-identity-headers", {MUTATIONS: []}, on=GATE),
    _filter(
        "mesh-identity-headers-stripped",
        "strip-identity-headers",
        {"metadata.namespace": "scan"},
        on=GATE,
        also=frozenset({"mesh-envoyfilter-in-its-room"}),
    ),
    _filter(
        "mesh-identity-headers-stripped",
        "strip-identity-headers",
        {"spec.configPatches.0.patch.operation": "INSERT_BEFORE"},
        on=GATE,
    ),
    _filter(
        "mesh-ext-authz-headers-named",
        "ext-authz-headers",
        {"spec.configPatches.0.patch.value.typed_config.allowed_headers.patterns.0": {"prefix": "x-"}},
        on=GATE,
    ),
    _filter(
        "mesh-ext-authz-headers-named",
        "ext-authz-headers",
        {"spec.configPatches.0.patch.value.typed_config.allowed_headers": ...},
        on=GATE,
    ),
    _filter("mesh-envoyfilter-in-its-room", "cookie-to-header", {"metadata.name": "quick-fix"}),
    _filter("mesh-envoyfilter-in-its-room", "cookie-to-header", {"metadata.namespace": "scan"}),
    _filter("mesh-envoyfilter-in-its-room", "cookie-to-header", {"spec.workloadSelector": ...}),
    _filter(
        "mesh-envoyfilter-in-its-room", "cookie-to-header", {"spec.configPatches.0.match.context": "SIDECAR_INBOUND"}
    ),
    _filter("mesh-envoyfilter-in-its-room", "ext-authz-headers", {"spec.configPatches.0.patch.operation": "REMOVE"}),
    _filter(
        "mesh-envoyfilter-fails-closed",
        "ext-authz-headers",
        {"spec.configPatches.0.patch.value.typed_config.failure_mode_allow": True},
    ),
    _filter("mesh-envoyfilter-fails-closed", "cookie-to-header", {"spec.configPatches.0.patch.value.disabled": True}),
    _filter(
        "mesh-script-claims-no-identity",
        "cookie-to-header",
        {SCRIPT: 'function envoy_on_request(handle) handle:headers():replace("X-User-Id", "1") end'},
    ),
    *(
        _pod("mesh-sidecar-bounded", {"spec.template.metadata.annotations": annotations})
        for annotations in (
            {},
            {f"sidecar.istio.io/{name}": "1" for name in ("proxyCPU", "proxyMemory")},
            {
                f"sidecar.istio.io/{name}": "1"
                for name in ("proxyCPU", "proxyMemory", "proxyMemoryLimit", "proxyCPULimit")
            },
        )
    ),
    Broken(
        rule="mesh-injection-enabled",
        type=NAMESPACE,
        name="eco2-namespaces-scan-namespace",
        change={"metadata.labels.istio-injection": ...},
    ),
    *(
        _pod("mesh-traffic-captured", {f"spec.template.metadata.{field}": {key: value}})
        for field, key, value in (
            ("labels", "sidecar.istio.io/inject", "false"),
            ("annotations", "sidecar.istio.io/inject", "false"),
            ("annotations", "traffic.sidecar.istio.io/excludeInboundPorts", "8000"),
            ("annotations", "proxy.istio.io/config", "{}"),
        )
    ),
)

_CONFIGURATION = (
    _istiod("mesh-ext-authz-fails-closed", {f"{PROVIDER}.failOpen": True}),
    _istiod("mesh-ext-authz-fails-closed", {f"{PROVIDER}.failOpen": ...}),
    _istiod("mesh-ext-authz-fails-closed", {f"{PROVIDER}.statusOnError": "200"}),
    _istiod("mesh-ext-authz-timeout", {f"{PROVIDER}.timeout": "30s"}),
    _istiod("mesh-ext-authz-timeout", {f"{PROVIDER}.timeout": "1ms"}),
    _istiod("mesh-ext-authz-timeout", {f"{PROVIDER}.timeout": ...}),
    _istiod("mesh-path-normalization", {f"{CONFIG}.pathNormalization.normalization": "BASE"}),
    _istiod("mesh-path-normalization", {f"{CONFIG}.pathNormalization": ...}),
    _istiod("mesh-egress-registry-only", {f"{CONFIG}.outboundTrafficPolicy.mode": "ALLOW_ANY"}),
    _istiod("mesh-trusted-proxies", {f"{CONFIG}.defaultConfig.gatewayTopology.numTrustedProxies": 2}),
    _istiod("mesh-trusted-proxies", {f"{CONFIG}.defaultConfig.gatewayTopology": ...}),
    _istiod(
        "mesh-trusted-proxies",
        {f"{CONFIG}.defaultConfig.gatewayTopology.forwardClientCertDetails": "ALWAYS_FORWARD_ONLY"},
    ),
    _istiod("mesh-auto-mtls", {f"{CONFIG}.enableAutoMtls": False}),
    _istiod("mesh-auto-mtls", {f"{CONFIG}.meshMTLS.minProtocolVersion": "TLS_AUTO"}),
    _istiod("mesh-auto-mtls", {f"{CONFIG}.trustDomainAliases": ["another.example.com"]}),
    _istiod("mesh-access-log", {f"{CONFIG}.accessLogFile": ""}),
    _telemetry("mesh-telemetry-not-muted", {"spec.accessLogging.0.disabled": True}),
    _telemetry("mesh-telemetry-not-muted", {"spec.accessLogging.0.providers": []}),
    _telemetry("mesh-telemetry-not-muted", {"spec.accessLogging.0.filter.expression": "response.code >= 500"}),
    _telemetry("mesh-telemetry-not-muted", {"spec.metrics.0.overrides": [{"disabled": True}]}),
    _istiod("mesh-access-log-without-secrets", {f"{CONFIG}.accessLogFormat": "%REQ(AUTHORIZATION)%"}),
    _istiod("mesh-access-log-without-secrets", {f"{CONFIG}.accessLogFormat": "%REQ(:PATH)%"}),
    _istiod("mesh-proxy-first", {f"{CONFIG}.defaultConfig.holdApplicationUntilProxyStarts": False}),
    _istiod("mesh-cni", {"spec.source.helm.valuesObject.cni.enabled": False}),
    _istiod(
        "mesh-cni",
        {"spec.source.helm.valuesObject.global.proxy.privileged": True},
        also=frozenset({"kubernetes-chart-restricted"}),
    ),
    _istiod("mesh-one-version", {"spec.source.targetRevision": "1.29.0"}, on="eco2-platform-istio-cni-application"),
    _istiod(
        "mesh-one-version",
        {"spec.source.repoURL": "https://charts.example.com/istio"},
        on="eco2-platform-istio-cni-application",
        also=frozenset({"kubernetes-gitops-own-project"}),
    ),
)

_TRAFFIC = (
    _gateway("mesh-gateway-hosts-named", {"spec.servers.0.hosts": ["*"]}, also=frozenset({"mesh-route-bound"})),
    _gateway(
        "mesh-gateway-hosts-named", {"spec.servers.0.hosts": ["./*.example.com"]}, also=frozenset({"mesh-route-bound"})
    ),
    _gateway("mesh-gateway-hosts-named", {"spec.servers.0.hosts": []}, also=frozenset({"mesh-route-bound"})),
    _gateway("mesh-gateway-hosts-named", {"spec.servers.0.hosts.0": "api.eco2.example.com"}),
    _gateway("mesh-gateway-hosts-named", {"spec.servers.0.hosts.0": "*/api.eco2.example.com"}),
    _route("mesh-route-bound", {"metadata.namespace": "worker"}),
    _gateway(
        "mesh-gateway-tls",
        {"spec.servers.0.port.protocol": "HTTPS", "spec.servers.0.tls": {"minProtocolVersion": "TLSV1_0"}},
    ),
    _gateway("mesh-gateway-tls", {"spec.servers.0.port.protocol": "HTTPS"}),
    _gateway("mesh-gateway-tls", {"spec.servers.0.tls": {"mode": "PASSTHROUGH"}}),
    _gateway("mesh-gateway-selected", {"spec.selector": {}}, also=UNGUARDED),
    _gateway("mesh-gateway-selected", {"spec.selector": {"istio": "another"}}, also=UNGUARDED),
    _gateway("mesh-gateway-selected", {"spec.servers.0.port.number": 80}),
    _route("mesh-route-bound", {"spec.gateways": ...}),
    _route("mesh-route-bound", {"spec.gateways": ["istio-system/eco2-gateway", "mesh"]}),
    _route("mesh-route-bound", {"spec.hosts": ["*"]}),
    _route("mesh-route-bound", {"spec.hosts": ["admin.eco2.example.com"]}),
    _route("mesh-route-at-home", {f"{ROUTE}.route.0.destination.host": "redis.redis.svc.cluster.local"}),
    _route("mesh-route-at-home", {f"{ROUTE}.route.0.destination.host": "collector.example.com"}),
    _route("mesh-route-at-home", {f"{ROUTE}.mirror.host": "collector.example.com"}),
    _route("mesh-route-timeout", {f"{ROUTE}.timeout": ...}),
    _route("mesh-route-timeout", {f"{ROUTE}.timeout": "600s"}),
    _route("mesh-route-safe-retries", {f"{ROUTE}.retries.retryOn": "5xx"}),
    _route("mesh-route-safe-retries", {f"{ROUTE}.retries": ...}),
    _route("mesh-route-safe-retries", {f"{ROUTE}.retries.retryOn": "5xx", f"{ROUTE}.match.0.method.exact": "GET"}),
    _route(
        "mesh-route-safe-retries",
        {
            f"{ROUTE}.retries.retryOn": "5xx",
            f"{ROUTE}.match": [{"uri": {"prefix": "/api/v1/scan/"}, "method": {"regex": "GET|POST"}}],
        },
    ),
    _route("mesh-route-subset-known", {f"{ROUTE}.route.0.destination.subset": "canary"}),
    _route("mesh-route-claims-no-identity", {f"{ROUTE}.headers.request.set": {"X-User-Id": "1"}}),
    _route("mesh-route-claims-no-identity", {f"{ROUTE}.route.0.headers.request.add": {"authorization": "Bearer x"}}),
    _route("mesh-route-path-kept", {f"{ROUTE}.rewrite": {"uri": "/admin/"}}),
    _route("mesh-route-cors-named", {f"{ROUTE}.corsPolicy.allowOrigins": [{"regex": ".*"}]}),
    _route("mesh-route-cors-named", {f"{ROUTE}.corsPolicy.allowOrigins": [{"exact": "*"}]}),
    _route(
        "mesh-route-cors-named",
        {f"{ROUTE}.corsPolicy": {"allowOrigins": [{"exact": "*"}], "allowCredentials": True}},
    ),
    _destination("mesh-destination-mtls", {"spec.trafficPolicy.tls.mode": "DISABLE"}),
    _destination("mesh-destination-mtls", {"spec.trafficPolicy.tls": ...}),
    _destination(
        "mesh-destination-mtls",
        {"spec.trafficPolicy.portLevelSettings": [{"port": {"number": 8000}, "tls": {"mode": "DISABLE"}}]},
    ),
    _destination(
        "mesh-destination-mtls",
        {"spec.subsets": [{"name": "canary", "trafficPolicy": {"tls": {"mode": "SIMPLE"}}}]},
    ),
    _destination(
        "mesh-destination-mtls", {"spec.host": "api.example.com", "spec.trafficPolicy.tls": {"mode": "SIMPLE"}}
    ),
    _destination("mesh-destination-mtls", {"spec.trafficPolicy.tls.insecureSkipVerify": True}),
    _destination("mesh-destination-bounded", {"spec.trafficPolicy.connectionPool.tcp.maxConnections": ...}),
    _destination("mesh-destination-bounded", {"spec.trafficPolicy.connectionPool.http": ...}),
    _destination(
        "mesh-destination-keeps-hosts", {"spec.trafficPolicy.outlierDetection.maxEjectionPercent": 100}, "ext-authz"
    ),
    _external("mesh-egress-named", {"spec.hosts": ["*.kakao.com"]}),
    _external("mesh-egress-named", {"spec.ports.0": {"number": 80, "name": "http", "protocol": "HTTP"}}),
    _external("mesh-egress-named", {"spec.exportTo": ["*"]}),
    _external("mesh-egress-named", {"spec.exportTo": ...}),
    _external("mesh-egress-named", {"spec.location": "MESH_INTERNAL"}),
    _external("mesh-egress-named", {"spec.resolution": "NONE"}),
    _external("mesh-egress-named", {"spec.addresses": ["0.0.0.0/0"]}),
    _sidecar("mesh-sidecar-scoped", {"spec.egress.0.hosts": ["*/*"]}),
    _sidecar("mesh-sidecar-scoped", {"spec.egress": ...}),
    _sidecar("mesh-sidecar-scoped", {"spec.outboundTrafficPolicy.mode": "ALLOW_ANY"}),
    _sidecar("mesh-sidecar-present", {"metadata.namespace": "another"}, on="eco2-namespaces-scan-namespace"),
    Broken(
        rule="mesh-protocol-declared",
        type=SERVICE,
        name="eco2-workloads-scan-api-service",
        change={"spec.ports.0.appProtocol": ..., "spec.ports.0.name": "api"},
    ),
)

CASES: tuple[Broken, ...] = (*_SECURITY, *_CONFIGURATION, *_TRAFFIC)
