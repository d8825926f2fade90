"""The ways through the mesh: in by the gateway, to a service by its route, out by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy.kubernetes_objects import (
    NAMESPACE,
    PODS,
    SERVICE,
    at,
    chart_values,
    each,
    everywhere,
    name_of,
    namespace_of,
    number,
    spec_of,
)
from policy.mesh_objects import (
    CLUSTER_HOST,
    DESTINATION_RULE,
    GATEWAY,
    SERVICE_ENTRY,
    SIDECAR,
    VIRTUAL_SERVICE,
    gateway_labels,
    gateways_of,
    http_routes,
    injected_namespaces,
    root_namespaces,
    seconds,
    written,
)
from policy.rules.mesh_security import IDENTITY_HEADERS
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

LONGEST_REQUEST = 60.0
"""The load balancer gives up after these seconds."""

SAFE_RETRIES = frozenset({"connect-failure", "refused-stream", "reset-before-request"})
"""What shows that a service has not seen the request."""

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENCY_KEY = "idempotency-key"
"""What may be sent again all the same: reads, and requests whose client says so by this header."""

MODERN_TLS = frozenset({"TLSV1_2", "TLSV1_3"})
PROTOCOLS = frozenset(
    {"http", "http2", "https", "grpc", "grpc-web", "tcp", "tls", "mongo", "mysql", "redis", "kubernetes.io/h2c"}
)


EVERY_NAMESPACE = frozenset({"", "*"})
"""What stands before a host of a Gateway that routes of any namespace may claim."""


def _takes_any_host(resource: Resource) -> Iterable[str]:
    for server in each(spec_of(resource), "servers"):
        hosts = list(each(server, "hosts"))
        if not hosts:
            yield "a server names no host"
        for host in hosts:
            namespace, _, name = host.rpartition("/")
            if "*" in name:
                yield f"a server's host is {host}"
            elif namespace in EVERY_NAMESPACE:
                yield f"a server takes routes for {name} from every namespace"


def _speaks_old_tls(resource: Resource) -> Iterable[str]:
    for server in each(spec_of(resource), "servers"):
        protocol, tls = at(server, "port", "protocol"), at(server, "tls")
        if protocol in {"HTTPS", "TLS"} and not tls:
            yield f"port {number(at(server, 'port', 'number'))} speaks {protocol} without a certificate"
        if at(tls, "mode") not in {None, "SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"}:
            yield f"tls.mode is {at(tls, 'mode')}: requests pass the gateway unread"
        if at(tls, "minProtocolVersion") not in {None, *MODERN_TLS}:
            yield f"tls.minProtocolVersion is {at(tls, 'minProtocolVersion')}"


def _no_such_gateway(stack: Stack) -> Iterable[tuple[Resource, str]]:
    releases = {
        (at(spec_of(one), "destination", "namespace"), at(spec_of(one), "source", "helm", "releaseName")): values
        for one, values in chart_values(stack, "gateway")
    }
    for gateway in stack.of(GATEWAY):
        labels = gateway_labels(gateway)
        values = releases.get((namespace_of(gateway), labels.get("istio")))
        if values is None:
            yield gateway, f"its selector {dict(labels)} is no gateway that a chart installs in {namespace_of(gateway)}"
            continue
        open_ = {at(port, "targetPort") for port in each(values, "service", "ports")}
        for server in each(spec_of(gateway), "servers"):
            if (port := at(server, "port", "number")) not in open_:
                yield gateway, f"the gateway's Service has no targetPort {number(port)}"


def _unbound_routes(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for route in stack.of(VIRTUAL_SERVICE):
        gateways, bound = list(each(spec_of(route), "gateways")), list(gateways_of(route, stack))
        if not gateways or len(bound) != len(gateways):
            yield route, f"its gateways are {', '.join(gateways) or 'not set (every sidecar)'}: not ones of this stack"
        admitted = {
            host.rpartition("/")[2]
            for gateway in bound
            for server in each(spec_of(gateway), "servers")
            for host in each(server, "hosts")
            if host.rpartition("/")[0] in {*EVERY_NAMESPACE, namespace_of(route)}
            or (host.startswith("./") and namespace_of(gateway) == namespace_of(route))
        }
        for host in each(spec_of(route), "hosts") or ["*"]:
            if "*" in host or host not in admitted:
                yield route, f"its host {host} is none that its gateway takes from {namespace_of(route)}"


def _destinations(route: Resource) -> Iterator[str]:
    for http in http_routes(route):
        for one in [*each(http, "route"), *each(http, "mirrors")]:
            yield str(at(one, "destination", "host") or at(one, "host"))
        if mirror := at(http, "mirror", "host"):
            yield str(mirror)


def _routes_abroad(stack: Stack) -> Iterable[tuple[Resource, str]]:
    services = {(name_of(one), namespace_of(one)) for one in stack.of(SERVICE)}
    for route in stack.of(VIRTUAL_SERVICE):
        for host in _destinations(route):
            found = CLUSTER_HOST.fullmatch(host)
            if found is None or (found["service"], found["namespace"]) not in services:
                yield route, f"it routes to {host}, which is no Service of this stack"
            elif found["namespace"] != namespace_of(route):
                yield route, f"it routes to {host}, of another namespace than its own"


def _unknown_subsets(stack: Stack) -> Iterable[tuple[Resource, str]]:
    known = {
        (at(spec_of(one), "host"), at(subset, "name"))
        for one in stack.of(DESTINATION_RULE)
        for subset in each(spec_of(one), "subsets")
    }
    for route in stack.of(VIRTUAL_SERVICE):
        for http in http_routes(route):
            for one in each(http, "route"):
                host, subset = at(one, "destination", "host"), at(one, "destination", "subset")
                if subset is not None and (host, subset) not in known:
                    yield route, f"route {at(http, 'name')}: no DestinationRule of {host} has the subset {subset}"


def _waits_for_ever(resource: Resource) -> Iterable[str]:
    for http in http_routes(resource):
        limit = seconds(at(http, "timeout") or "0s")
        if at(http, "route") and (not limit or limit > LONGEST_REQUEST):
            yield f"route {at(http, 'name')}: timeout is {at(http, 'timeout') or 'not set'}, not up to {LONGEST_REQUEST:g} s"


def _repeats_unsafely(resource: Resource) -> Iterable[str]:
    for http in http_routes(resource):
        if not at(http, "route"):
            continue
        conditions = at(http, "retries", "retryOn") or "Istio's own"
        if _may_be_repeated(http):
            continue
        if at(http, "retries", "attempts") != 0 and not {*conditions.split(",")} <= SAFE_RETRIES:
            yield f"route {at(http, 'name')}: what the service has seen may be sent again (retryOn is {conditions})"


def _may_be_repeated(http: Mapping[str, Any]) -> bool:
    """Whether the route takes nothing but reads, and what its client declares to be idempotent."""
    matches = each(http, "match")
    return bool(matches) and all(
        IDEMPOTENCY_KEY in (at(one, "headers") or {})
        or {*str(at(one, "method", "exact") or at(one, "method", "regex")).split("|")} <= REPEATABLE
        for one in matches
    )


def _says_who_calls(resource: Resource) -> Iterable[str]:
    for http in http_routes(resource):
        for path, key, value in everywhere({"headers": at(http, "headers"), "route": at(http, "route")}):
            if key in {"set", "add"} and ".request." in f".{path}.":
                for header in value:
                    if header.lower() in {*IDENTITY_HEADERS, "authorization"}:
                        yield f"route {at(http, 'name')}: {path} writes {header}, which the authorizer alone may"


def _shares_with_any_site(resource: Resource) -> Iterable[str]:
    for http in http_routes(resource):
        for origin in each(http, "corsPolicy", "allowOrigins"):
            named = at(origin, "exact")
            # Of any site, and then without cookies: no more than anybody may ask for without a browser.
            if not named or (named == "*" and at(http, "corsPolicy", "allowCredentials") is not False):
                yield f"route {at(http, 'name')}: corsPolicy lets any site in that matches {written(origin)}"


def _policies(resource: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A DestinationRule's policy, and those of its ports and subsets that replace it."""
    top = at(spec_of(resource), "trafficPolicy") or {}
    yield "trafficPolicy", top
    for port in each(top, "portLevelSettings"):
        yield f"port {number(at(port, 'port', 'number'))}", port
    for subset in each(spec_of(resource), "subsets"):
        if at(subset, "trafficPolicy", "tls"):
            yield f"subset {at(subset, 'name')}", subset["trafficPolicy"]


def _calls_in_the_clear(resource: Resource) -> Iterable[str]:
    in_mesh = CLUSTER_HOST.fullmatch(str(at(spec_of(resource), "host")))
    for where, policy in _policies(resource):
        mode = at(policy, "tls", "mode")
        if in_mesh and mode != "ISTIO_MUTUAL":
            yield f"{where}: tls.mode is {mode}, not ISTIO_MUTUAL"
        if not in_mesh and mode in {None, "DISABLE"}:
            yield f"{where}: tls.mode is {mode}: it leaves the mesh in the clear"
        if not in_mesh and mode == "SIMPLE" and not at(policy, "tls", "caCertificates"):
            yield f"{where}: tls.caCertificates is not set: any certificate will do"
        if at(policy, "tls", "insecureSkipVerify"):
            yield f"{where}: tls.insecureSkipVerify is true"


def _unbounded(resource: Resource) -> Iterable[str]:
    pool = at(spec_of(resource), "trafficPolicy", "connectionPool")
    if not at(pool, "tcp", "maxConnections"):
        yield "trafficPolicy.connectionPool.tcp.maxConnections is not set"
    if not at(pool, "http", "http1MaxPendingRequests") or not at(pool, "http", "http2MaxRequests"):
        yield "trafficPolicy.connectionPool.http bounds neither what waits nor what is under way"


def _ejects_all(resource: Resource) -> Iterable[str]:
    found = at(spec_of(resource), "trafficPolicy", "outlierDetection", "maxEjectionPercent")
    if found is not None and found > 50:
        yield f"outlierDetection.maxEjectionPercent is {number(found)}: a burst of errors would take the service away"


def _opens_the_way_out(resource: Resource) -> Iterable[str]:
    spec = spec_of(resource)
    for host in each(spec, "hosts"):
        if "*" in host:
            yield f"its host {host} has a wildcard"
    for port in each(spec, "ports"):
        if at(port, "protocol") not in {"TLS", "HTTPS"}:
            yield f"port {number(at(port, 'number'))} is {at(port, 'protocol')}, not TLS"
    if list(each(spec, "exportTo")) != ["."]:
        yield f"exportTo is {list(each(spec, 'exportTo')) or 'not set'}: other namespaces may call it too"
    if at(spec, "location") != "MESH_EXTERNAL":
        yield f"location is {at(spec, 'location')}: proxies would expect a member of the mesh there"
    if at(spec, "resolution") not in {"DNS", "DNS_ROUND_ROBIN", "STATIC"}:
        yield f"resolution is {at(spec, 'resolution')}: the caller chooses the address behind the name"
    if each(spec, "addresses"):
        yield "it takes addresses over"


def _sees_everything(stack: Stack) -> Iterable[tuple[Resource, str]]:
    for sidecar in stack.of(SIDECAR):
        egress = each(spec_of(sidecar), "egress")
        hosts = [host for one in egress for host in each(one, "hosts")]
        if not egress or any(host.startswith("*/") or host == "~/*" for host in hosts):
            yield sidecar, f"its egress hosts are {', '.join(hosts) or 'not set'}: the services of every namespace"
        if at(spec_of(sidecar), "outboundTrafficPolicy", "mode") not in {None, "REGISTRY_ONLY"}:
            yield sidecar, f"outboundTrafficPolicy.mode is {at(spec_of(sidecar), 'outboundTrafficPolicy', 'mode')}"


def _sees_everything_for_want_of_a_sidecar(stack: Stack) -> Iterable[tuple[Resource, str]]:
    scoped = {namespace_of(one) for one in stack.of(SIDECAR)}
    if scoped & root_namespaces(stack):
        return
    in_mesh = {namespace_of(one) for one in stack.of(*PODS)} & injected_namespaces(stack)
    for namespace in stack.of(NAMESPACE):
        if name_of(namespace) in in_mesh - scoped:
            yield namespace, f"{name_of(namespace)} has no Sidecar: its proxies know the services of every namespace"


def _hands_on_another_path(resource: Resource) -> Iterable[str]:
    for http in http_routes(resource):
        for key in ("rewrite", "redirect", "delegate"):
            if at(http, key):
                yield f"route {at(http, 'name')}: {key} makes another request of the one that was checked"
        if at(http, "directResponse") and not _is_one_path(http):
            yield f"route {at(http, 'name')}: directResponse answers in a service's place, and not one exact path alone"


def _is_one_path(http: Mapping[str, Any]) -> bool:
    matches = each(http, "match")
    return len(matches) == 1 and bool(at(matches[0], "uri", "exact")) and not each(http, "route")


def _protocol_is_guessed(resource: Resource) -> Iterable[str]:
    for port in each(spec_of(resource), "ports"):
        prefix = str(at(port, "name") or "").partition("-")[0]
        if (at(port, "appProtocol") or prefix) not in PROTOCOLS:
            yield f"port {number(at(port, 'port'))} has neither an appProtocol nor a name that says what it speaks"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="mesh-gateway-hosts-named",
        title="A gateway takes the hosts that it names, each from the namespace that it names",
        controls=("Istio security best practices: Avoid overly broad hosts configurations",),
        severity=Severity.HIGH,
        remedy="Name <namespace>/<host>: * takes what any client claims, and without a namespace any VirtualService may route it.",
        types=frozenset({GATEWAY}),
        check=_takes_any_host,
    ),
    ResourceRule(
        name="mesh-gateway-tls",
        title="Where a gateway ends TLS, it is TLS 1.2 or better, and read",
        controls=("Istio: Secure Gateways", "OWASP ASVS 4.0: 9.1.3"),
        severity=Severity.HIGH,
        remedy="Set tls.mode: SIMPLE or MUTUAL with a credentialName, and minProtocolVersion: TLSV1_2.",
        types=frozenset({GATEWAY}),
        check=_speaks_old_tls,
    ),
    StackRule(
        name="mesh-gateway-selected",
        title="A Gateway configures a gateway that stands, on a port that it has",
        controls=("Istio security best practices: Gateways",),
        severity=Severity.HIGH,
        remedy="Select the labels of the gateway's chart, in its namespace; a selector too wide configures other pods too.",
        check=_no_such_gateway,
    ),
    StackRule(
        name="mesh-route-bound",
        title="A route belongs to a gateway of the stack, for hosts that it takes",
        controls=(
            "Istio security best practices: Gateways",
            "Istio security best practices: Avoid overly broad hosts configurations",
        ),
        severity=Severity.HIGH,
        remedy="Name <namespace>/<gateway> in gateways, and the gateway's hosts; without gateways it holds in every sidecar.",
        check=_unbound_routes,
    ),
    StackRule(
        name="mesh-route-at-home",
        title="A route leads to a service of its own namespace",
        controls=("Istio security best practices: Gateways", "CIS Kubernetes 1.12 5.6.1"),
        severity=Severity.HIGH,
        remedy="Put the route into the service's namespace, and name <service>.<namespace>.svc.cluster.local.",
        check=_routes_abroad,
    ),
    StackRule(
        name="mesh-route-subset-known",
        title="A route's subset is one of a DestinationRule",
        controls=("Istio security best practices: Detect invalid configurations", "Istio: Traffic Management, Subsets"),
        severity=Severity.MEDIUM,
        remedy="Name the subset in the DestinationRule of the host: without it every request of the route is answered 503.",
        check=_unknown_subsets,
    ),
    ResourceRule(
        name="mesh-route-timeout",
        title="A request that is not answered ends",
        controls=("Istio: Traffic Management, Timeouts", "OWASP API Security API4:2023"),
        severity=Severity.LOW,
        remedy=f"Set timeout, up to {LONGEST_REQUEST:g} s. A service that answers WebSockets is exempted by name.",
        mandatory=False,
        types=frozenset({VIRTUAL_SERVICE}),
        check=_waits_for_ever,
    ),
    ResourceRule(
        name="mesh-route-safe-retries",
        title="Only what a service has not seen is sent again",
        controls=("Istio: Traffic Management, Retries",),
        severity=Severity.MEDIUM,
        remedy=f"Set retries.retryOn to {', '.join(sorted(SAFE_RETRIES))}; or match {', '.join(sorted(REPEATABLE))} alone, "
        f"or the header {IDEMPOTENCY_KEY}; Istio's default may repeat a POST.",
        types=frozenset({VIRTUAL_SERVICE}),
        check=_repeats_unsafely,
    ),
    ResourceRule(
        name="mesh-route-claims-no-identity",
        title="No route writes the headers by which services know the caller",
        controls=("OWASP API Security API2:2023",),
        severity=Severity.CRITICAL,
        remedy="Remove the header from the route: the authorizer sets it.",
        types=frozenset({VIRTUAL_SERVICE}),
        check=_says_who_calls,
    ),
    ResourceRule(
        name="mesh-route-path-kept",
        title="A service gets the path that was checked",
        controls=(
            "OWASP API Security API2:2023",
            "Istio security best practices: Customize your system on path normalization",
        ),
        severity=Severity.HIGH,
        remedy="Let the service answer on its public path; a rewritten one was never judged by a policy.",
        types=frozenset({VIRTUAL_SERVICE}),
        check=_hands_on_another_path,
    ),
    ResourceRule(
        name="mesh-route-cors-named",
        title="Sites that may call from a browser are named one by one",
        controls=("OWASP ASVS 4.0: 14.5.3", "OWASP API Security API8:2023"),
        severity=Severity.HIGH,
        remedy="List each origin as `exact: https://…`, or `*` with allowCredentials: false; a regex or a prefix also matches a "
        "neighbour's site.",
        types=frozenset({VIRTUAL_SERVICE}),
        check=_shares_with_any_site,
    ),
    ResourceRule(
        name="mesh-destination-mtls",
        title="Calls within the mesh go by mutual TLS, those out of it by verified TLS",
        controls=(
            "Istio security best practices: Mutual TLS",
            "Istio security best practices: Configure TLS verification in Destination Rule when using TLS origination",
        ),
        severity=Severity.CRITICAL,
        remedy="Set tls.mode: ISTIO_MUTUAL; for a host outside SIMPLE with caCertificates.",
        types=frozenset({DESTINATION_RULE}),
        check=_calls_in_the_clear,
    ),
    ResourceRule(
        name="mesh-destination-bounded",
        title="What is under way to a service is bounded",
        controls=("Istio: Circuit Breaking", "OWASP API Security API4:2023"),
        severity=Severity.LOW,
        remedy="Set connectionPool.tcp.maxConnections, http.http1MaxPendingRequests and http2MaxRequests.",
        types=frozenset({DESTINATION_RULE}),
        check=_unbounded,
    ),
    ResourceRule(
        name="mesh-destination-keeps-hosts",
        title="Errors never take all hosts of a service away",
        controls=("Istio: Circuit Breaking",),
        severity=Severity.LOW,
        remedy="Set outlierDetection.maxEjectionPercent: 50.",
        types=frozenset({DESTINATION_RULE}),
        check=_ejects_all,
    ),
    ResourceRule(
        name="mesh-egress-named",
        title="What may be called outside the mesh is a host by name, over TLS, for one namespace",
        controls=("Istio security best practices: Securing egress traffic", "OWASP API Security API7:2023"),
        severity=Severity.HIGH,
        remedy='List each host, with protocol: TLS, resolution: DNS, location: MESH_EXTERNAL and exportTo: ["."].',
        types=frozenset({SERVICE_ENTRY}),
        check=_opens_the_way_out,
    ),
    StackRule(
        name="mesh-sidecar-scoped",
        title="A proxy knows the services of the namespaces that it is told, and reaches no other",
        controls=("Istio security best practices: Securing egress traffic", "Istio: Sidecar"),
        severity=Severity.MEDIUM,
        remedy="List <namespace>/* for each namespace that is called, with outboundTrafficPolicy.mode: REGISTRY_ONLY.",
        check=_sees_everything,
    ),
    StackRule(
        name="mesh-sidecar-present",
        title="Every namespace with sidecars says what they may know",
        controls=("Istio: Sidecar",),
        severity=Severity.MEDIUM,
        remedy="Add a Sidecar to the namespace.",
        check=_sees_everything_for_want_of_a_sidecar,
    ),
    ResourceRule(
        name="mesh-protocol-declared",
        title="A Service says what its ports speak",
        controls=("Istio security best practices: Protocol detection",),
        severity=Severity.MEDIUM,
        remedy="Set appProtocol on the port.",
        types=frozenset({SERVICE}),
        check=_protocol_is_guessed,
    ),
)
