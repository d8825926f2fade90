"""The mesh's configuration, which is a value of istiod's chart: istiod drops what it does not know without a word."""

from __future__ import annotations

import re
from collections.abc import Iterable

from policy.kubernetes_objects import APPLICATION, PODS, at, charts, each, namespace_of, pod_template, spec_of
from policy.mesh_objects import (
    ISTIO_CHARTS,
    ISTIOD,
    TELEMETRY,
    control_plane,
    injected_namespaces,
    mesh_config,
    seconds,
)
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

LONGEST_CHECK, SHORTEST_CHECK = 1.0, 0.05
"""A check that may take longer holds up every request; one that may take less refuses what is fine."""

REFUSED = re.compile(r"[45]\d\d")
NORMALIZATION = "DECODE_AND_MERGE_SLASHES"
TRUSTED_PROXIES = 1
"""The load balancer alone stands in front of the gateway."""

SIDECAR = "sidecar.istio.io/"
TELLTALE = re.compile(
    r"REQ\((AUTHORIZATION|COOKIE|X-REFRESH-TOKEN)|RESP\(SET-COOKIE|%REQ\([^)]*:PATH[^)]*\)%", re.IGNORECASE
)
"""What puts credentials into a log: these headers, and a path with its query."""

CONFIGURATION = frozenset({APPLICATION})


def _fails_open(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        for provider in each(config, "extensionProviders"):
            for kind in ("envoyExtAuthzGrpc", "envoyExtAuthzHttp"):
                if not (settings := at(provider, kind)):
                    continue
                if at(settings, "failOpen") is not False:
                    yield f"provider {at(provider, 'name')}: failOpen is {at(settings, 'failOpen')}, not false"
                if not REFUSED.fullmatch(str(at(settings, "statusOnError") or "403")):
                    yield f"provider {at(provider, 'name')}: statusOnError is {at(settings, 'statusOnError')}, no refusal"


def _checks_too_long(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        for provider in each(config, "extensionProviders"):
            for kind in ("envoyExtAuthzGrpc", "envoyExtAuthzHttp"):
                if not (settings := at(provider, kind)):
                    continue
                found = seconds(at(settings, "timeout"))
                if found is None or not SHORTEST_CHECK <= found <= LONGEST_CHECK:
                    said = at(settings, "timeout") or "not set (10 minutes)"
                    yield f"provider {at(provider, 'name')}: timeout is {said}, not {SHORTEST_CHECK} to {LONGEST_CHECK} s"


def _reads_paths_otherwise(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        found = at(config, "pathNormalization", "normalization")
        if found != NORMALIZATION:
            yield f"pathNormalization.normalization is {found}, not {NORMALIZATION}"


def _lets_calls_out(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        found = at(config, "outboundTrafficPolicy", "mode")
        if found != "REGISTRY_ONLY":
            yield f"outboundTrafficPolicy.mode is {found}, not REGISTRY_ONLY"


def _trusts_proxies(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        found = at(config, "defaultConfig", "gatewayTopology", "numTrustedProxies")
        if found != TRUSTED_PROXIES:
            yield f"defaultConfig.gatewayTopology.numTrustedProxies is {found}, not {TRUSTED_PROXIES}"
        if at(config, "defaultConfig", "gatewayTopology", "forwardClientCertDetails") in {
            "ALWAYS_FORWARD_ONLY",
            "APPEND_FORWARD",
        }:
            yield "defaultConfig.gatewayTopology.forwardClientCertDetails believes what clients say of their certificate"


def _calls_in_the_clear(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        if at(config, "enableAutoMtls") is False:
            yield "enableAutoMtls is false: proxies call each other in the clear where no DestinationRule says otherwise"
        if at(config, "meshMTLS", "minProtocolVersion") not in {None, "TLSV1_2", "TLSV1_3"}:
            yield f"meshMTLS.minProtocolVersion is {at(config, 'meshMTLS', 'minProtocolVersion')}"
        if aliases := list(each(config, "trustDomainAliases")):
            yield f"trustDomainAliases takes the accounts of {', '.join(aliases)} for its own"


def _logs_nothing(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        if not at(config, "accessLogFile"):
            yield "accessLogFile is not set: nobody sees who called what"


def _mutes_logs(resource: Resource) -> Iterable[str]:
    for entry in each(spec_of(resource), "accessLogging"):
        if at(entry, "disabled"):
            yield "accessLogging is disabled"
        if not each(entry, "providers"):
            yield "accessLogging names no provider"
        if at(entry, "filter"):
            yield f"accessLogging leaves requests out: {at(entry, 'filter', 'expression')}"
    for entry in each(spec_of(resource), "metrics"):
        if any(at(override, "disabled") for override in each(entry, "overrides")) or not each(entry, "providers"):
            yield "metrics are disabled, or go nowhere"


def _logs_secrets(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        for found in TELLTALE.finditer(str(at(config, "accessLogFormat") or "")):
            yield f"accessLogFormat has {found[0]}"


def _starts_before_its_proxy(resource: Resource) -> Iterable[str]:
    for config in mesh_config(resource):
        if at(config, "defaultConfig", "holdApplicationUntilProxyStarts") is not True:
            yield "defaultConfig.holdApplicationUntilProxyStarts is not true: a pod's first calls go nowhere"


def _injects_privileges(resource: Resource) -> Iterable[str]:
    for chart, values in charts(resource):
        if chart == ISTIOD and at(values, "cni", "enabled") is not True:
            yield "cni.enabled is not true: each pod gets an init container with NET_ADMIN and NET_RAW"
        if chart == ISTIOD and at(values, "global", "proxy", "privileged"):
            yield "global.proxy.privileged is true"


def _versions_differ(stack: Stack) -> Iterable[tuple[Resource, str]]:
    """Istiod's own source says what the others are to be: no address is written here that could be another one tomorrow."""
    for istiod, _ in control_plane(stack):
        wanted = at(spec_of(istiod), "source") or {}
        for application in stack.of(APPLICATION):
            source = at(spec_of(application), "source") or {}
            if at(source, "chart") not in ISTIO_CHARTS:
                continue
            for key, what in (("targetRevision", "is"), ("repoURL", "comes from")):
                if at(source, key) != at(wanted, key):
                    yield application, f"chart {source['chart']} {what} {at(source, key)}, istiod {at(wanted, key)}"


def _unbounded_sidecar(stack: Stack) -> Iterable[tuple[Resource, str]]:
    """As istiod's template has it: one such annotation, and nothing of the chart's own, whose limit is two CPUs, counts."""
    injected = injected_namespaces(stack)
    for one in stack.of(*PODS):
        if namespace_of(one) not in injected:
            continue
        given = at(pod_template(one), "metadata", "annotations") or {}
        for name in ("proxyCPU", "proxyMemory", "proxyMemoryLimit"):
            if f"{SIDECAR}{name}" not in given:
                yield one, f"its sidecar has no {SIDECAR}{name}"
        if f"{SIDECAR}proxyCPULimit" in given:
            yield one, "its sidecar has a limit of CPU"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="mesh-ext-authz-fails-closed",
        title="Without the authorizer's answer a request is refused",
        controls=("Istio: External Authorization, failOpen", "OWASP API Security API2:2023"),
        severity=Severity.CRITICAL,
        remedy="Set failOpen: false, and a statusOnError of 4xx or 5xx.",
        types=CONFIGURATION,
        check=_fails_open,
    ),
    ResourceRule(
        name="mesh-ext-authz-timeout",
        title="The authorizer has a moment to answer, and no longer",
        controls=("Istio: External Authorization, timeout", "OWASP API Security API4:2023"),
        severity=Severity.MEDIUM,
        remedy="Set timeout: 0.25s, as documented.",
        types=CONFIGURATION,
        check=_checks_too_long,
    ),
    ResourceRule(
        name="mesh-path-normalization",
        title="Policies, routes and backends read one and the same path",
        controls=("Istio security best practices: Customize your system on path normalization",),
        severity=Severity.CRITICAL,
        remedy=f"Set pathNormalization.normalization: {NORMALIZATION}.",
        types=CONFIGURATION,
        check=_reads_paths_otherwise,
    ),
    ResourceRule(
        name="mesh-egress-registry-only",
        title="Nothing outside the mesh is called that no ServiceEntry names",
        controls=("Istio security best practices: Securing egress traffic",),
        severity=Severity.HIGH,
        remedy="Set outboundTrafficPolicy.mode: REGISTRY_ONLY.",
        types=CONFIGURATION,
        check=_lets_calls_out,
    ),
    ResourceRule(
        name="mesh-trusted-proxies",
        title="A client's address is the one that the load balancer saw",
        controls=("Istio: Configuring Gateway Network Topology",),
        severity=Severity.HIGH,
        remedy=f"Set numTrustedProxies: {TRUSTED_PROXIES}; a higher number believes what clients write into X-Forwarded-For.",
        types=CONFIGURATION,
        check=_trusts_proxies,
    ),
    ResourceRule(
        name="mesh-auto-mtls",
        title="Proxies call each other by mutual TLS of the mesh's own authority",
        controls=("Istio security best practices: Mutual TLS",),
        severity=Severity.HIGH,
        remedy="Remove the field, or set enableAutoMtls: true.",
        types=CONFIGURATION,
        check=_calls_in_the_clear,
    ),
    ResourceRule(
        name="mesh-access-log",
        title="Every request is logged",
        controls=("Istio: Envoy Access Logs", "NSA/CISA Kubernetes Hardening Guide 1.2: Service meshes"),
        severity=Severity.MEDIUM,
        remedy="Set accessLogFile: /dev/stdout.",
        types=CONFIGURATION,
        check=_logs_nothing,
    ),
    ResourceRule(
        name="mesh-telemetry-not-muted",
        title="No Telemetry leaves requests out of logs or metrics",
        controls=("Istio: Telemetry API", "Istio: Envoy Access Logs"),
        severity=Severity.MEDIUM,
        remedy="Remove disabled, filter and overrides, and name the provider.",
        types=frozenset({TELEMETRY}),
        check=_mutes_logs,
    ),
    ResourceRule(
        name="mesh-access-log-without-secrets",
        title="No credential gets into a log",
        controls=("OWASP ASVS 4.0: 7.1.1",),
        severity=Severity.HIGH,
        remedy="Log REQ_WITHOUT_QUERY instead of the path, and no header that authenticates.",
        types=CONFIGURATION,
        check=_logs_secrets,
    ),
    ResourceRule(
        name="mesh-proxy-first",
        title="A pod's own containers start after its proxy",
        controls=("Istio security best practices: Understand traffic capture limitations",),
        severity=Severity.LOW,
        remedy="Set defaultConfig.holdApplicationUntilProxyStarts: true.",
        types=CONFIGURATION,
        check=_starts_before_its_proxy,
    ),
    ResourceRule(
        name="mesh-cni",
        title="The node's agent redirects traffic, so that no pod needs to",
        controls=("Istio security best practices: CNI", "PSS baseline: Capabilities"),
        severity=Severity.HIGH,
        remedy="Set cni.enabled: true in istiod's values, and keep the cni chart.",
        types=CONFIGURATION,
        check=_injects_privileges,
    ),
    StackRule(
        name="mesh-sidecar-bounded",
        title="Each sidecar asks for CPU and memory of its pod's own, and has a limit of memory alone",
        controls=("Kubescape C-0004", "NSA/CISA Kubernetes Hardening Guide 1.2: Resource policies"),
        severity=Severity.MEDIUM,
        remedy="Give the pod `sidecar=Resources(…)` (infra/components/cluster/pods.py), or the three annotations.",
        check=_unbounded_sidecar,
    ),
    StackRule(
        name="mesh-one-version",
        title="Istio's charts are of one version",
        controls=("Istio security best practices: Release and security policy",),
        severity=Severity.LOW,
        remedy="Set one version in versions.py.",
        check=_versions_differ,
    ),
)
