"""Istio: the properties that security hangs on, and what would be bad there."""

from __future__ import annotations

from policy.mutation.model import GONE, RESOURCE, Mutation, spoil

CONFIG = "spec.source.helm.valuesObject.meshConfig"
PROVIDER = f"{CONFIG}.extensionProviders[0].envoyExtAuthzGrpc"
OPERATION = "spec.rules[*].to[*].operation"

_IDENTITY: tuple[Mutation, ...] = (
    *spoil(
        "Istio mutual TLS",
        "kubernetes:security.istio.io/v1:PeerAuthentication",
        {
            "spec.mtls.mode": ("PERMISSIVE", "DISABLE", "UNSET", GONE),
            "spec.portLevelMtls": {"8000": {"mode": "PERMISSIVE"}},
            "spec.selector": {"matchLabels": {"app": "one"}},
            "metadata.namespace": "scan",
            RESOURCE: GONE,
        },
    ),
    *spoil(
        "Istio mutual TLS",
        "kubernetes:networking.istio.io/v1:DestinationRule",
        {
            "spec.trafficPolicy.tls.mode": ("DISABLE", "SIMPLE", GONE),
            "spec.trafficPolicy.tls": GONE,
            "spec.trafficPolicy.tls.insecureSkipVerify": True,
            "spec.trafficPolicy.portLevelSettings": [{"port": {"number": 8000}, "tls": {"mode": "DISABLE"}}],
            "spec.subsets": [{"name": "x", "trafficPolicy": {"tls": {"mode": "DISABLE"}}}],
            "spec.trafficPolicy.connectionPool": GONE,
        },
    ),
    *spoil(
        "Istio mutual TLS",
        "kubernetes:core/v1:Namespace",
        {'metadata.labels["istio-injection"]': ("disabled", GONE)},
        only_set=True,
    ),
    *(
        mutation
        for type_ in (
            "kubernetes:apps/v1:Deployment",
            "kubernetes:argoproj.io/v1alpha1:Rollout",
            "kubernetes:apps/v1:StatefulSet",
            "kubernetes:batch/v1:Job",
        )
        for mutation in spoil(
            "Istio mutual TLS",
            type_,
            {
                'spec.template.metadata.labels["sidecar.istio.io/inject"]': "false",
                'spec.template.metadata.annotations["sidecar.istio.io/inject"]': "false",
                'spec.template.metadata.annotations["traffic.sidecar.istio.io/excludeInboundPorts"]': "8000",
                'spec.template.metadata.annotations["traffic.sidecar.istio.io/excludeOutboundIPRanges"]': "0.0.0.0/0",
            },
        )
    ),
)

_AUTHORIZATION: tuple[Mutation, ...] = (
    *spoil(
        "Istio authorization",
        "kubernetes:security.istio.io/v1:AuthorizationPolicy",
        {"spec.rules": [{}], "spec.action": ("AUDIT", "DENY"), "metadata.namespace": "scan", RESOURCE: GONE},
        named="*-default-deny-*",
    ),
    *spoil(
        "Istio authorization",
        "kubernetes:security.istio.io/v1:AuthorizationPolicy",
        {
            "spec.rules[*].from": GONE,
            "spec.rules[*].from[*].source.principals": (["*"], ["cluster.local/ns/*"], GONE),
            "spec.rules[*].from[*].source.notPrincipals": ["cluster.local/ns/x/sa/y"],
            "spec.rules[+]": {},
            "spec.rules": [{}],
            "spec.selector": GONE,
        },
        named="*-allow-*",
    ),
    *spoil(
        "Istio authorization",
        "kubernetes:security.istio.io/v1:AuthorizationPolicy",
        {"spec.rules[*].to": GONE},
        named="*-allow-*",
    ),
    *spoil(
        "Istio authorization",
        "kubernetes:security.istio.io/v1:AuthorizationPolicy",
        {f"{OPERATION}.paths": (["*"], ["/*"], GONE)},
        named="*-allow-edge-*",
    ),
)

_CHECK: tuple[Mutation, ...] = (
    *spoil(
        "Istio external authorization",
        "kubernetes:security.istio.io/v1:AuthorizationPolicy",
        {
            f"{OPERATION}.notPaths[*]": ("/api/v1/*", "/api/v1/auth/*", "*"),
            f"{OPERATION}.notPaths[+]": (
                "/api/v1/scan/*",
                "/api/v1/scan",
                "/api/v1/my/profile",
                "*/docs",
                "/api/v1/{**}",
                "/api/v1/auth/",
                "api/v1/auth/refresh",
                "/api/v1/%61uth/refresh",
            ),
            f"{OPERATION}.paths": (GONE, ["/api/v1/auth/*"], ["/api/v2/*"]),
            f"{OPERATION}.notMethods": (["GET"], ["POST", "OPTIONS"]),
            f"{OPERATION}.methods": ["POST"],
            f"{OPERATION}.hosts": ["api.example.com"],
            f"{OPERATION}.notHosts": ["internal.example.com"],
            "spec.rules[*].when": [{"key": "request.headers[x-debug]", "notValues": ["1"]}],
            "spec.rules[*].from": [{"source": {"notIpBlocks": ["10.0.0.0/8"]}}],
            "spec.action": ("AUDIT", "ALLOW", GONE),
            "spec.provider.name": "another",
            "spec.selector": ({"matchLabels": {"istio": "another"}}, GONE),
            "metadata.namespace": "scan",
            RESOURCE: GONE,
        },
        named="eco2-mesh-ext-authz-authorizationpolicy",
    ),
    *spoil(
        "Istio external authorization",
        "kubernetes:argoproj.io/v1alpha1:Application",
        {
            f"{PROVIDER}.failOpen": (True, GONE),
            f"{PROVIDER}.statusOnError": "200",
            f"{PROVIDER}.timeout": ("60s", GONE),
            f"{PROVIDER}.service": "ext-authz.example.com",
            f"{PROVIDER}.port": 80,
            f"{CONFIG}.extensionProviders": ([], GONE),
            f"{CONFIG}.pathNormalization.normalization": ("NONE", "BASE", "MERGE_SLASHES", GONE),
        },
        named="eco2-platform-istiod-application",
    ),
    *spoil(
        "Istio external authorization",
        "kubernetes:networking.istio.io/v1alpha3:EnvoyFilter",
        {
            "spec.configPatches[0].patch.value.typed_config.early_header_mutation_extensions": ([], GONE),
            "spec.configPatches[0].patch.value.typed_config.early_header_mutation_extensions[0].typed_config.mutations[*]": GONE,
            "spec.configPatches[0].patch.operation": ("REMOVE", "ADD"),
            "spec.workloadSelector": (GONE, {"labels": {"app": "another"}}),
            "metadata.namespace": "scan",
            RESOURCE: GONE,
        },
        named="*-strip-identity-headers-*",
    ),
    *spoil(
        "Istio external authorization",
        "kubernetes:networking.istio.io/v1alpha3:EnvoyFilter",
        {
            "spec.configPatches[0].patch.value.typed_config.allowed_headers.patterns[+]": (
                {"prefix": ""},
                {"exact": "cookie"},
            ),
            "spec.configPatches[0].patch.value.typed_config.allowed_headers": GONE,
            "spec.configPatches[0].patch.value.typed_config.failure_mode_allow": True,
            "spec.configPatches[0].patch.operation": "REMOVE",
            RESOURCE: GONE,
        },
        named="*-ext-authz-headers-*",
    ),
    *spoil(
        "Istio external authorization",
        "kubernetes:networking.istio.io/v1alpha3:EnvoyFilter",
        {
            "metadata.name": "quick-fix",
            "metadata.namespace": "auth",
            "spec.workloadSelector": GONE,
            "spec.configPatches[0].match.context": ("ANY", "SIDECAR_INBOUND"),
            "spec.configPatches[0].patch.operation": "REMOVE",
            "spec.configPatches[0].patch.value.typed_config.default_source_code.inline_string": (
                "function envoy_on_request(handle) end",
                "function envoy_on_request(handle) handle:headers():add('x-user-id', '1') end",
            ),
            "spec.configPatches[+]": {
                "applyTo": "HTTP_FILTER",
                "match": {"context": "GATEWAY"},
                "patch": {"operation": "REMOVE"},
            },
        },
        named="*-cookie-to-header-*",
    ),
)

_TRAFFIC: tuple[Mutation, ...] = (
    *spoil(
        "Istio traffic",
        "kubernetes:networking.istio.io/v1:Gateway",
        {
            "spec.servers[*].hosts": (["*"], ["*.example.com"], ["api.eco2.example.com"]),
            "spec.servers[*].hosts[+]": "*/*",
            "spec.servers[*].tls": {"mode": "PASSTHROUGH"},
            "spec.selector": ({}, {"istio": "another"}),
            "spec.servers[+]": {"port": {"number": 15012, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]},
        },
    ),
    *spoil(
        "Istio traffic",
        "kubernetes:networking.istio.io/v1:VirtualService",
        {
            "spec.gateways": (GONE, ["mesh"]),
            "spec.hosts": (["*"], ["admin.example.com"]),
            "spec.http[0].match": (GONE, [{"uri": {"prefix": "/"}}], [{"uri": {"regex": ".*"}}]),
            "spec.http[0].match[+]": {"uri": {"prefix": "/internal/"}},
            "spec.http[+]": {"route": [{"destination": {"host": "redis.redis.svc.cluster.local"}}]},
            "spec.http[0].route[0].destination.host": (
                "postgresql.postgres.svc.cluster.local",
                "collector.example.com",
            ),
            "spec.http[0].mirror": {"host": "collector.example.com"},
            "spec.http[0].headers.request.set": {"x-user-id": "1"},
            "spec.http[0].corsPolicy": {"allowOrigins": [{"regex": ".*"}], "allowCredentials": True},
            "spec.http[0].timeout": "3600s",
            "spec.http[0].retries.retryOn": "5xx",
            "spec.http[0].rewrite": {"uri": "/admin/"},
        },
    ),
    *spoil(
        "Istio traffic",
        "kubernetes:networking.istio.io/v1:ServiceEntry",
        {
            "spec.hosts[+]": "*.example.com",
            "spec.hosts": ["*"],
            "spec.ports[0].protocol": ("HTTP", "TCP"),
            "spec.exportTo": (GONE, ["*"]),
            "spec.resolution": "NONE",
            "spec.location": "MESH_INTERNAL",
            "spec.addresses": ["10.2.0.0/16"],
        },
    ),
    *spoil(
        "Istio traffic",
        "kubernetes:networking.istio.io/v1:Sidecar",
        {
            "spec.egress[0].hosts": ["*/*"],
            "spec.egress[0].hosts[+]": "*/*",
            "spec.outboundTrafficPolicy.mode": "ALLOW_ANY",
            "spec.egress": GONE,
            RESOURCE: GONE,
        },
    ),
)

_CONFIGURATION: tuple[Mutation, ...] = (
    *spoil(
        "Istio configuration",
        "kubernetes:argoproj.io/v1alpha1:Application",
        {
            CONFIG: GONE,
            f"{CONFIG}.outboundTrafficPolicy.mode": ("ALLOW_ANY", GONE),
            f"{CONFIG}.enableAutoMtls": False,
            f"{CONFIG}.accessLogFile": ("", GONE),
            f"{CONFIG}.accessLogFormat": ("%REQ(AUTHORIZATION)%", "%REQ(COOKIE)%", "%REQ(:PATH)%"),
            f"{CONFIG}.defaultConfig.gatewayTopology.numTrustedProxies": (0, 5, GONE),
            f"{CONFIG}.trustDomainAliases": ["elsewhere.example.com"],
            f"{CONFIG}.rootNamespace": "scan",
            f"{CONFIG}.meshMTLS": {"minProtocolVersion": "TLS_AUTO"},
            f"{CONFIG}.defaultConfig.holdApplicationUntilProxyStarts": False,
            "spec.source.helm.valuesObject.cni.enabled": False,
            "spec.source.helm.valuesObject.global.proxy.privileged": True,
            "spec.source.targetRevision": "1.9.0",
            RESOURCE: GONE,
        },
        named="eco2-platform-istiod-application",
    ),
    *spoil(
        "Istio configuration",
        "kubernetes:telemetry.istio.io/v1:Telemetry",
        {
            "spec.accessLogging[0].disabled": True,
            "spec.accessLogging[0].filter": {"expression": "response.code >= 500"},
            "spec.metrics[0].providers": [],
        },
    ),
)

MUTATIONS: tuple[Mutation, ...] = (*_IDENTITY, *_AUTHORIZATION, *_CHECK, *_TRAFFIC, *_CONFIGURATION)
