"""Who may call whom in the mesh, and as whom: mutual TLS, authorization, the external check, the filters around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy.kubernetes_objects import (
    NAMESPACE,
    PODS,
    SERVICE,
    SERVICE_ACCOUNT,
    at,
    chart_values,
    each,
    everywhere,
    name_of,
    namespace_of,
    number,
    pod_template,
    spec_of,
)
from policy.mesh_objects import (
    AUTHORIZATION_POLICY,
    CLUSTER_HOST,
    ENVOY_FILTER,
    GATEWAY,
    PEER_AUTHENTICATION,
    VIRTUAL_SERVICE,
    action_of,
    control_plane,
    gateways_of,
    http_routes,
    injected_namespaces,
    is_at_gateway,
    operations,
    root_namespaces,
    workload_of,
    written,
)
from policy.remembered import once_per_resource
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

PRINCIPAL = re.compile(r"[a-z0-9.-]+/ns/(?P<namespace>[a-z0-9-]+)/sa/(?P<account>[a-z0-9.-]+)")

NEGATIVE = ("notPaths", "notMethods", "notHosts", "notPorts")
NEGATIVE_SOURCE = ("notPrincipals", "notNamespaces", "notIpBlocks", "notRequestPrincipals", "notRemoteIpBlocks")

EXACT_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")
"""One path, segment by segment: no pattern, nothing encoded, no `..`, no slash at its end."""

DOCUMENTED_BYPASS = re.compile(
    r"/api/v1/[a-z-]+/(docs|openapi\.json|health|ready|metrics)"
    r"|/api/v1/auth/(kakao|google|naver)(/callback)?"
    r"|/api/v1/auth/refresh"
)
"""What eco2.md lets through unchecked: the way to log in, documentation, health checks."""

PREFLIGHT = frozenset({"OPTIONS"})

_CALLER = (
    *("x-user-id", "x-auth-provider"),
    *(f"x-amzn-mtls-clientcert{part}" for part in ("", "-serial-number", "-issuer", "-subject", "-validity", "-leaf")),
)
IDENTITY_HEADERS = frozenset(spelling for header in _CALLER for spelling in (header, header.replace("-", "_")))
"""What says who calls: the authorizer's headers, and a load balancer's of a certificate ("Mutual authentication with TLS in
Application Load Balancer"); with underscores, some servers read the same header."""

CHECKED_HEADERS = frozenset({"authorization", "x-refresh-token", "x-request-id"})
"""What the authorizer is shown."""

FILTERS = frozenset(
    {
        "cookie-to-header",
        "strip-identity-headers",
        "reject-underscores",
        "ext-authz-headers",
        "immersiverse-transcoder",
        "strip-trace-headers",
        "tenants-token-hosts",
        "tenants-local-replies",
        "tenants-rate-limits",
        "tenants-bursts",
        "tenants-answers",
        "tenants-last-routes",
        "gateway-lab-api-keys",
        "gateway-lab-compression",
        "gateway-lab-request-size",
    }
)
"""The EnvoyFilters that are reviewed and tried on a real Envoy; the room that writes them is components/mesh/filters."""

SCRIPTED_HEADERS = frozenset({"authorization", "x-lab-consumer"})
"""What the reviewed scripts write: the cookie's token, and whose an API key is."""

SCRIPTED_HEADER = re.compile(r""":(add|replace)\(\s*["'](?P<header>[^"']+)["']""")

NOT_READ = "typed_per_filter_config.envoy.filters.http.jwt_authn"
"""Where tokens are not read on a host: what requires one (DENY without a principal) then refuses everything."""

ADDING = frozenset({"INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER", "MERGE"})
EARLY_MUTATION = "early_header_mutation_extensions"


def _is_strict(resource: Resource) -> bool:
    return at(spec_of(resource), "mtls", "mode") == "STRICT" and not workload_of(resource)


def _mesh_takes_plaintext(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for root in root_namespaces(stack):
        here = [one for one in stack.of(PEER_AUTHENTICATION) if namespace_of(one) == root]
        if not any(_is_strict(one) for one in here):
            for resource in here or [application for application, _ in control_plane(stack)]:
                yield resource, f"no PeerAuthentication of {root} sets mtls.mode STRICT for the whole mesh"


def _takes_plaintext(resource: Resource) -> Iterable[str]:
    modes = {"mtls": at(spec_of(resource), "mtls", "mode")}
    ports = at(spec_of(resource), "portLevelMtls") or {}
    modes |= {f"portLevelMtls.{port}": at(ports[port], "mode") for port in ports}
    for where, mode in modes.items():
        if mode not in {None, "STRICT"}:
            yield f"{where}.mode is {mode}, not STRICT"


def _allows_by_default(stack: Stack) -> Iterable[tuple[Resource, str]]:
    policies = stack.of(AUTHORIZATION_POLICY)
    for root in root_namespaces(stack):
        here = [one for one in policies if namespace_of(one) == root and not workload_of(one)]
        if not any(action_of(one) == "ALLOW" and not each(spec_of(one), "rules") for one in here):
            for resource in here or [application for application, _ in control_plane(stack)]:
                yield resource, f"no AuthorizationPolicy of {root} with an empty spec denies what no other allows"


def _allows_too_much(stack: Stack) -> Iterable[tuple[Resource, str]]:
    gateways = stack.of(GATEWAY)
    for policy in stack.of(AUTHORIZATION_POLICY):
        if action_of(policy) != "ALLOW":
            continue
        at_edge = any(workload_of(policy) and is_at_gateway(policy, one) for one in gateways)
        if each(spec_of(policy), "rules") and not workload_of(policy):
            yield policy, "it allows without a selector: every workload that it reaches"
        for found in (_too_wide_at_the_edge if at_edge else _too_wide_inside)(policy):
            yield policy, found


@once_per_resource
def _too_wide_at_the_edge(policy: Resource) -> tuple[str, ...]:
    return tuple(found for rule in each(spec_of(policy), "rules") for found in _too_wide(rule, at_edge=True))


@once_per_resource
def _too_wide_inside(policy: Resource) -> tuple[str, ...]:
    return tuple(found for rule in each(spec_of(policy), "rules") for found in _too_wide(rule, at_edge=False))


def _too_wide(rule: Mapping[str, Any], *, at_edge: bool) -> Iterator[str]:
    named = [at(one, "source") or {} for one in each(rule, "from")]
    targets = [at(one, "operation") or {} for one in each(rule, "to")]
    if not at_edge and (not named or not all(each(one, "principals") for one in named)):
        yield "a rule names no principal: it allows anyone"
    if at_edge and (not targets or not all(_narrow(one) for one in targets)):
        yield "a rule at the edge names no path below /api/, or none of a host: it allows everything"
    if not at_edge and not all(each(one, "ports") or each(one, "paths") for one in targets or [{}]):
        yield "a rule names neither ports nor paths: it allows every port"
    for one in named:
        for principal in each(one, "principals"):
            if not PRINCIPAL.fullmatch(principal):
                yield f"the principal {principal} is not <trust domain>/ns/<namespace>/sa/<account>"
    for one, keys in [*((one, NEGATIVE_SOURCE) for one in named), *((one, NEGATIVE) for one in targets)]:
        for key in keys:
            if key in one:
                yield f"it allows by what a request is not ({key})"


def _narrow(operation: Mapping[str, Any]) -> bool:
    """Paths below /api/, or some of a host that is named: what is not below /api/ no other host has open."""
    paths, hosts = list(each(operation, "paths")), list(each(operation, "hosts"))
    named = bool(hosts) and all("*" not in host.removesuffix(":*") for host in hosts)
    return bool(paths) and all(path.startswith("/api/") or (named and path not in {"*", "/*"}) for path in paths)


def _strangers(stack: Stack) -> Iterable[tuple[Resource, str]]:
    known = {(namespace_of(one), name_of(one)) for one in stack.of(SERVICE_ACCOUNT)}
    # The chart names the gateway's account as its release.
    known |= {
        (at(spec_of(one), "destination", "namespace"), at(spec_of(one), "source", "helm", "releaseName"))
        for one, _ in chart_values(stack, "gateway")
    }
    for policy in stack.of(AUTHORIZATION_POLICY):
        for path, principal, account in _principals(policy):
            if account not in known:
                yield policy, f"rules.{path}: {principal} is no account of this stack"


@once_per_resource
def _principals(policy: Resource) -> tuple[tuple[str, str, tuple[str, str]], ...]:
    """Those that a policy's rules name, each with where it stands and its account."""
    return tuple(
        (path, principal, (found["namespace"], found["account"]))
        for path, key, value in everywhere(each(spec_of(policy), "rules"))
        for principal in (value if key == "principals" else ())
        if (found := PRINCIPAL.fullmatch(principal))
    )


def _providers(stack: Stack) -> Iterator[tuple[Resource, str, Mapping[str, Any]]]:
    """The external authorizers of the mesh: who says so, the name, the settings."""
    for application, config in control_plane(stack):
        for provider in each(config, "extensionProviders"):
            for kind in ("envoyExtAuthzGrpc", "envoyExtAuthzHttp"):
                if settings := at(provider, kind):
                    yield application, at(provider, "name"), settings


def _unknown_provider(stack: Stack) -> Iterable[tuple[Resource, str]]:
    known = {name for _, name, _ in _providers(stack)}
    for policy in stack.of(AUTHORIZATION_POLICY):
        if action_of(policy) == "CUSTOM" and (name := at(spec_of(policy), "provider", "name")) not in known:
            yield policy, f"the provider {name} is none of the mesh's ({', '.join(sorted(known)) or 'it has none'})"


def _authorizer_elsewhere(stack: Stack) -> Iterable[tuple[Resource, str]]:
    ports = {
        (name_of(one), namespace_of(one)): {at(port, "port") for port in each(spec_of(one), "ports")}
        for one in stack.of(SERVICE)
    }
    for application, name, settings in _providers(stack):
        host = CLUSTER_HOST.fullmatch(str(at(settings, "service")))
        known = ports.get((host["service"], host["namespace"])) if host else None
        if known is None or host is None:
            yield application, f"provider {name}: {at(settings, 'service')} is no Service of this stack"
        elif at(settings, "port") not in known:
            yield application, f"provider {name}: {at(settings, 'service')} has no port {number(at(settings, 'port'))}"
        elif host["namespace"] not in injected_namespaces(stack):
            yield (
                application,
                f"provider {name}: {host['namespace']} has no sidecars, so the check travels in the clear",
            )


def _checks(gateway: Resource, stack: Stack) -> list[Resource]:
    return [one for one in stack.of(AUTHORIZATION_POLICY) if action_of(one) == "CUSTOM" and is_at_gateway(one, gateway)]


def _covers(patterns: Iterable[str], match: Mapping[str, Any]) -> bool:
    """Whether every request that a route takes by its path is one of the patterns'."""
    exact, prefix = at(match, "uri", "exact"), at(match, "uri", "prefix")
    for pattern in patterns:
        wide = pattern.endswith("*") and not pattern.startswith("*")
        if exact and (pattern == exact or (wide and exact.startswith(pattern[:-1]))):
            return True
        if prefix and wide and prefix.startswith(pattern[:-1]):
            return True
    return False


def _routes_round_the_check(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for route in stack.of(VIRTUAL_SERVICE):
        for gateway in gateways_of(route, stack):
            checked = [operation for one in _checks(gateway, stack) for operation in operations(one)]
            asked = [path for operation in checked for path in each(operation, "paths")]
            if checked and all({*each(spec_of(route), "hosts")} <= {*each(one, "notHosts")} for one in checked):
                # Of the hosts with tokens of their own, mesh-own-tokens-required says what must be there instead.
                continue
            for http in http_routes(route):
                for match in each(http, "match") or [{}]:
                    if not _covers(asked, match):
                        where = written(at(match, "uri") or {}) or "every path"
                        yield route, f"no CUSTOM policy at {name_of(gateway)} has {where} checked"


def _bypasses(resource: Resource) -> Iterator[str]:
    if action_of(resource) == "CUSTOM":
        for operation in operations(resource):
            yield from each(operation, "notPaths")


def _bypass_is_a_pattern(resource: Resource) -> Iterable[str]:
    for path in _bypasses(resource):
        if not EXACT_PATH.fullmatch(path):
            yield f"notPaths has {path!r}, which is not one exact path"


def _bypass_is_not_documented(resource: Resource) -> Iterable[str]:
    for path in _bypasses(resource):
        if EXACT_PATH.fullmatch(path) and not DOCUMENTED_BYPASS.fullmatch(path):
            yield f"notPaths has {path!r}, which the document does not let through"


def _check_is_narrowed(resource: Resource) -> Iterable[str]:
    if action_of(resource) != "CUSTOM":
        return
    if not workload_of(resource):
        yield "it has no selector: every workload would ask"
    for rule in each(spec_of(resource), "rules"):
        for key in ("from", "when"):
            if each(rule, key):
                yield f"a rule has {key}: other requests pass unchecked"
    for operation in operations(resource):
        yield from _operation_is_narrowed(operation)


def _operation_is_narrowed(operation: Mapping[str, Any]) -> Iterator[str]:
    if not each(operation, "paths"):
        yield "a rule names no paths"
    for key in ("methods", "hosts", "ports", "notPorts"):
        if key in operation:
            yield f"an operation has {key}: other requests pass unchecked"
    for host in each(operation, "notHosts"):
        if "*" in host.removesuffix(":*"):
            yield f"notHosts has {host}: hosts that nobody named pass unchecked"
    if free := sorted({*each(operation, "notMethods")} - PREFLIGHT):
        yield f"notMethods has {', '.join(free)}: only OPTIONS, a preflight, has no credentials"


def _patches(resource: Resource) -> Iterator[Mapping[str, Any]]:
    yield from each(spec_of(resource), "configPatches")


def _filter_outside_its_room(stack: Stack) -> Iterable[tuple[Resource, str]]:
    gateways = stack.of(GATEWAY)
    for one in stack.of(ENVOY_FILTER):
        if name_of(one) not in FILTERS:
            yield one, f"{name_of(one)} is none of {', '.join(sorted(FILTERS))}"
        if not workload_of(one) or not any(is_at_gateway(one, gateway) for gateway in gateways):
            yield one, "it does not name the gateway's pods by their labels"
        for patch in _patches(one):
            if at(patch, "match", "context") != "GATEWAY":
                yield one, f"a patch's context is {at(patch, 'match', 'context')}, not GATEWAY"
            if at(patch, "patch", "operation") not in ADDING:
                yield one, f"a patch's operation is {at(patch, 'patch', 'operation')}: it may take a filter away"


def _filter_fails_open(resource: Resource) -> Iterable[str]:
    for path, key, value in everywhere(spec_of(resource)):
        if (
            key in {"failure_mode_allow", "failureModeAllow", "disabled"}
            and value
            and not _is_off_at_first(resource, path)
        ):
            yield f"{path} is {value}"
        if key in {"allow_missing_or_failed", "bypass"} and value is not None:
            yield f"{path} lets requests round a filter"


def _is_off_at_first(resource: Resource, path: str) -> bool:
    """Whether tokens are not read on one host, or a filter waits for the host that the object itself turns it on for."""
    if NOT_READ in path:
        return True
    turned_on = {
        name for patch in _patches(resource) for name in at(patch, "patch", "value", "typed_per_filter_config") or {}
    }
    waiting = {
        f"configPatches.{position}.patch.value.disabled"
        for position, patch in enumerate(_patches(resource))
        if at(patch, "patch", "value", "name") in turned_on
    }
    return path in waiting


def _script_says_who_calls(resource: Resource) -> Iterable[str]:
    for path, key, value in everywhere(spec_of(resource)):
        if key in {"inline_string", "inlineString", "inline_code", "inlineCode"}:
            names = {found["header"].lower() for found in SCRIPTED_HEADER.finditer(str(value))}
            for header in sorted(names - SCRIPTED_HEADERS):
                yield f"{path} writes the header {header}"


def _trusts_clients_headers(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for gateway in stack.of(GATEWAY):
        filters = [one for one in stack.of(ENVOY_FILTER) if is_at_gateway(one, gateway)]
        removed = {header for one in filters for header in _removed_by(one)}
        if missing := sorted(IDENTITY_HEADERS - removed):
            yield gateway, f"no EnvoyFilter removes {', '.join(missing)} from what clients send, before any filter runs"


@once_per_resource
def _removed_by(envoy_filter: Resource) -> frozenset[str]:
    return frozenset(header for patch in _patches(envoy_filter) for header in _removed_early(patch))


def _removed_early(patch: Mapping[str, Any]) -> Iterator[str]:
    in_place = at(patch, "applyTo") == "NETWORK_FILTER" and at(patch, "patch", "operation") == "MERGE"
    for path, key, value in everywhere(at(patch, "patch", "value")):
        if in_place and EARLY_MUTATION in path and key == "remove":
            yield str(value).lower()


def _shows_the_authorizer_too_much(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for gateway in stack.of(GATEWAY):
        if not _checks(gateway, stack):
            continue
        shown = [pattern for one in stack.of(ENVOY_FILTER) if is_at_gateway(one, gateway) for pattern in _shown_by(one)]
        if not shown:
            yield gateway, "no EnvoyFilter narrows what the authorizer is shown: it gets every header and cookie"
        for pattern in shown:
            if at(pattern, "exact") not in CHECKED_HEADERS:
                yield gateway, f"the authorizer is shown {written(pattern)}"


@once_per_resource
def _shown_by(envoy_filter: Resource) -> tuple[Mapping[str, Any], ...]:
    """Patterns of headers."""
    return tuple(
        pattern
        for patch in _patches(envoy_filter)
        for pattern in each(patch, "patch", "value", "typed_config", "allowed_headers", "patterns")
    )


def _uninjected(stack: Stack) -> Iterable[tuple[Resource, str]]:
    injected = injected_namespaces(stack)
    with_pods = {namespace_of(one) for one in stack.of(*PODS)}
    for namespace in stack.of(NAMESPACE):
        if name_of(namespace) in with_pods - injected:
            yield namespace, f"{name_of(namespace)} has workloads, and no label istio-injection: enabled"


def _goes_round_its_sidecar(resource: Resource) -> Iterable[str]:
    for field in ("labels", "annotations"):
        values = at(pod_template(resource), "metadata", field) or {}
        for key in values:
            if key == "sidecar.istio.io/inject" and str(values[key]).lower() != "true":
                yield f"{key} is {values[key]}"
            elif key.startswith("traffic.sidecar.istio.io/"):
                yield f"{key} is {values[key]}: that traffic is neither encrypted nor judged"
            elif key in {"proxy.istio.io/config", "sidecar.istio.io/bootstrapOverride", "inject.istio.io/templates"}:
                yield f"{key} replaces the proxy's own settings"


RULES: tuple[Rule, ...] = (
    StackRule(
        name="mesh-mtls-strict",
        title="The whole mesh takes mutual TLS and nothing else",
        controls=("Istio security best practices: Mutual TLS",),
        severity=Severity.CRITICAL,
        remedy="Keep a PeerAuthentication without selector in the mesh's root namespace, with mtls.mode: STRICT.",
        check=_mesh_takes_plaintext,
    ),
    ResourceRule(
        name="mesh-mtls-no-exception",
        title="No namespace, workload or port takes plain text",
        controls=("Istio security best practices: Mutual TLS",),
        severity=Severity.CRITICAL,
        remedy="Set the mode to STRICT, or remove the override; what must be scraped from outside goes by the port 15020.",
        types=frozenset({PEER_AUTHENTICATION}),
        check=_takes_plaintext,
    ),
    StackRule(
        name="mesh-default-deny",
        title="What no policy allows is denied, in the whole mesh",
        controls=("Istio security best practices: Apply default-deny authorization policies",),
        severity=Severity.CRITICAL,
        remedy="Keep an AuthorizationPolicy with an empty spec in the mesh's root namespace.",
        check=_allows_by_default,
    ),
    StackRule(
        name="mesh-allow-named",
        title="An allowance names its workload, its callers, and what they may call",
        controls=(
            "Istio security best practices: Use ALLOW-with-positive-matching and DENY-with-negative-match patterns",
        ),
        severity=Severity.CRITICAL,
        remedy="Give the policy a selector, and each rule principals and ports or paths; no not… fields.",
        check=_allows_too_much,
    ),
    StackRule(
        name="mesh-principal-known",
        title="Whom a policy names is an account of this stack",
        controls=("Istio security best practices: Authorization policies",),
        severity=Severity.MEDIUM,
        remedy="Name the caller's ServiceAccount; one that is gone may be made again by somebody else.",
        check=_strangers,
    ),
    StackRule(
        name="mesh-ext-authz-provider-known",
        title="The provider that a policy asks is one of the mesh's",
        controls=("Istio: External Authorization", "Istio security best practices: Detect invalid configurations"),
        severity=Severity.HIGH,
        remedy="Name a provider of meshConfig.extensionProviders: with another, every request is refused.",
        check=_unknown_provider,
    ),
    StackRule(
        name="mesh-ext-authz-in-mesh",
        title="The authorizer is a Service of this stack, with a sidecar of its own",
        controls=("Istio: External Authorization", "Istio security best practices: Mutual TLS"),
        severity=Severity.HIGH,
        remedy="Name <service>.<namespace>.svc.cluster.local and its port, in a namespace with injection.",
        check=_authorizer_elsewhere,
    ),
    StackRule(
        name="mesh-ext-authz-covers-routes",
        title="Every route from outside is one that the authorizer is asked about",
        controls=("Istio: External Authorization", "OWASP API Security API2:2023"),
        severity=Severity.CRITICAL,
        remedy="Add the route's prefix to the paths of the CUSTOM policy at the gateway.",
        check=_routes_round_the_check,
    ),
    ResourceRule(
        name="mesh-bypass-anchored",
        title="What passes unchecked is a list of exact paths",
        controls=(
            "Istio security best practices: Use ALLOW-with-positive-matching and DENY-with-negative-match patterns",
            "OWASP API Security API2:2023",
        ),
        severity=Severity.CRITICAL,
        remedy="Write each path out, from its first slash to its last segment: no *, no {*}, nothing encoded.",
        types=frozenset({AUTHORIZATION_POLICY}),
        check=_bypass_is_a_pattern,
    ),
    ResourceRule(
        name="mesh-bypass-documented",
        title="Nothing passes unchecked that the document does not let through",
        controls=("OWASP API Security API2:2023", "OWASP API Security API9:2023"),
        severity=Severity.CRITICAL,
        remedy="Remove the path; a new one is first written into the document, then into this rule.",
        types=frozenset({AUTHORIZATION_POLICY}),
        check=_bypass_is_not_documented,
    ),
    ResourceRule(
        name="mesh-ext-authz-not-narrowed",
        title="The authorizer is asked whatever the method, the host or the caller",
        controls=("Istio: External Authorization", "OWASP API Security API2:2023"),
        severity=Severity.CRITICAL,
        remedy="Keep paths and notPaths alone in the CUSTOM policy's operations; notHosts for hosts with tokens of their own.",
        types=frozenset({AUTHORIZATION_POLICY}),
        check=_check_is_narrowed,
    ),
    StackRule(
        name="mesh-identity-headers-stripped",
        title="Clients cannot say who they are: the authorizer's headers are taken off before anything else",
        controls=("OWASP API Security API2:2023", "Envoy: Early Header Mutation"),
        severity=Severity.CRITICAL,
        remedy="Keep the filter strip-identity-headers at every gateway, with every header that says who calls.",
        check=_trusts_clients_headers,
    ),
    StackRule(
        name="mesh-ext-authz-headers-named",
        title="The authorizer is shown the documented headers and no other",
        controls=("Envoy: External Authorization, allowed_headers", "OWASP API Security API3:2023"),
        severity=Severity.MEDIUM,
        remedy=f"Keep the filter ext-authz-headers, with exactly {', '.join(sorted(CHECKED_HEADERS))}.",
        check=_shows_the_authorizer_too_much,
    ),
    StackRule(
        name="mesh-envoyfilter-in-its-room",
        title="EnvoyFilters are the reviewed ones, at the gateway, and take nothing away",
        controls=("Istio security best practices: Avoid alpha and experimental features",),
        severity=Severity.HIGH,
        remedy="Use an Istio API; what it cannot say goes into components/mesh/filters, and its name into this rule.",
        check=_filter_outside_its_room,
    ),
    ResourceRule(
        name="mesh-envoyfilter-fails-closed",
        title="No EnvoyFilter lets requests pass when a filter fails",
        controls=("Envoy: External Authorization, failure_mode_allow", "OWASP API Security API2:2023"),
        severity=Severity.CRITICAL,
        remedy="Remove the field.",
        types=frozenset({ENVOY_FILTER}),
        check=_filter_fails_open,
    ),
    ResourceRule(
        name="mesh-script-claims-no-identity",
        title="A script at the gateway writes no header but the cookie's token",
        controls=("OWASP API Security API2:2023",),
        severity=Severity.CRITICAL,
        remedy="Remove the line from the script: who calls is for the authorizer to say.",
        types=frozenset({ENVOY_FILTER}),
        check=_script_says_who_calls,
    ),
    StackRule(
        name="mesh-injection-enabled",
        title="Every namespace with workloads gives them a sidecar",
        controls=("Istio security best practices: Mutual TLS",),
        severity=Severity.HIGH,
        remedy="Label the namespace istio-injection: enabled.",
        check=_uninjected,
    ),
    ResourceRule(
        name="mesh-traffic-captured",
        title="No pod goes round its sidecar",
        controls=("Istio security best practices: Understand traffic capture limitations",),
        severity=Severity.HIGH,
        remedy="Remove the label or annotation; what is not HTTP is declared by the Service's appProtocol.",
        types=PODS,
        check=_goes_round_its_sidecar,
    ),
)
