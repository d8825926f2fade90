"""Namespaces are walls: the Pod Security Standard at the door, no traffic that no policy names, no way in beside the gateway."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy.kubernetes_objects import (
    APPLICATION,
    CONFIG_MAP,
    EXTERNAL_SECRET,
    NAMESPACE,
    NETWORK_POLICY,
    PODS,
    SERVICE,
    SERVICE_ACCOUNT,
    at,
    chart_values,
    charts,
    each,
    everywhere,
    name_of,
    namespace_of,
    spec_of,
)
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

STANDARD = "pod-security.kubernetes.io"
RESTRICTED = "restricted"

SHARED_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})

REACHED = {"gateway": frozenset({"ClusterIP", "NodePort"})}
"""The one chart whose Service is reached from outside: the load balancer forwards to its node ports."""

INTERNAL = frozenset({"ClusterIP"})
NETWORK_CHART = "tigera-operator"

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
"""What the internet is without; the last holds the instance's metadata."""

WIDE = 8
"""A block of fewer bits than these is no network of ours."""


def _labels(resource: Resource) -> Mapping[str, str]:
    return at(resource.props, "metadata", "labels") or {}


def _enforces_less(resource: Resource) -> Iterable[str]:
    found = _labels(resource).get(f"{STANDARD}/enforce")
    if found != RESTRICTED:
        yield f"{name_of(resource)}: {STANDARD}/enforce is {found}, not {RESTRICTED}"


def _says_nothing(resource: Resource) -> Iterable[str]:
    for mode in ("audit", "warn"):
        found = _labels(resource).get(f"{STANDARD}/{mode}")
        if found != RESTRICTED:
            yield f"{name_of(resource)}: {STANDARD}/{mode} is {found}, not {RESTRICTED}"
    version = _labels(resource).get(f"{STANDARD}/enforce-version")
    if version in {None, "latest"}:
        yield f"{name_of(resource)}: {STANDARD}/enforce-version is {version}: an upgrade changes what is refused"


def _denies_everything(policy: Resource) -> bool:
    spec = spec_of(policy)
    return (
        "podSelector" in spec
        and not spec["podSelector"]
        and {"Ingress", "Egress"} <= {*each(spec, "policyTypes")}
        and not each(spec, "ingress")
        and not each(spec, "egress")
    )


def _open_namespaces(stack: Stack) -> Iterable[tuple[Resource, str]]:
    closed = {namespace_of(one) for one in stack.of(NETWORK_POLICY) if _denies_everything(one)}
    for namespace in stack.of(NAMESPACE):
        if name_of(namespace) not in closed:
            yield namespace, f"{name_of(namespace)}: no NetworkPolicy denies all ingress and egress of all its pods"


def _is_wide(cidr: str) -> bool:
    return ipaddress.ip_network(cidr, strict=False).prefixlen < WIDE


def _private_networks_in(block: Mapping[str, Any]) -> list[str]:
    """The private networks that a block reaches."""
    spared = [ipaddress.ip_network(one) for one in each(block, "except")]
    return [
        one
        for one in PRIVATE
        if not any(
            isinstance(wider, ipaddress.IPv4Network) and ipaddress.IPv4Network(one).subnet_of(wider) for wider in spared
        )
    ]


def _everyone(peer: Mapping[str, Any]) -> bool:
    """Whether a peer is any pod of any namespace."""
    return (
        not at(peer, "ipBlock")
        and "namespaceSelector" in peer
        and not peer["namespaceSelector"]
        and not at(peer, "podSelector")
    )


def _sides(resource: Resource, rules: str, peers: str) -> Iterator[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    for rule in each(spec_of(resource), rules):
        yield rule, list(each(rule, peers))


def _lets_the_world_in(resource: Resource) -> Iterable[str]:
    for _, peers in _sides(resource, "ingress", "from"):
        if not peers:
            yield "an ingress rule names no peer: it lets everybody in"
        for peer in peers:
            if (block := at(peer, "ipBlock", "cidr")) and _is_wide(block):
                yield f"an ingress rule lets {block} in"
            elif _everyone(peer):
                yield "an ingress rule lets every pod of every namespace in"


def _lets_everything_out(resource: Resource) -> Iterable[str]:
    for _, peers in _sides(resource, "egress", "to"):
        if not peers:
            yield "an egress rule names no peer: it lets pods reach everything"
        for peer in peers:
            block = at(peer, "ipBlock")
            if block and _is_wide(at(block, "cidr")) and (reached := _private_networks_in(block)):
                yield f"an egress rule to {at(block, 'cidr')} also reaches {', '.join(reached)}"
            elif _everyone(peer):
                yield "an egress rule lets pods reach every pod of every namespace"


def _opens_all_ports(resource: Resource) -> Iterable[str]:
    for rules, peers in (("ingress", "from"), ("egress", "to")):
        for rule, _ in _sides(resource, rules, peers):
            if not each(rule, "ports"):
                yield f"an {rules} rule opens every port"
            for port in each(rule, "ports"):
                if at(port, "port") is None or at(port, "endPort") is not None:
                    yield f"an {rules} rule opens a range of ports"


def _opens_for_everybody(resource: Resource) -> Iterable[str]:
    spec = spec_of(resource)
    opens = [*each(spec, "ingress"), *each(spec, "egress")]
    if opens and not at(spec, "podSelector", "matchLabels") and not each(spec, "podSelector", "matchExpressions"):
        yield "it opens something for every pod of its namespace: its podSelector is empty"


def _nobody_enforces(stack: Stack) -> Iterable[tuple[Resource, str]]:
    enforcing = [values for _, values in chart_values(stack, NETWORK_CHART)]
    if not any(at(values, "installation", "enabled") for values in enforcing):
        for policy in stack.of(NETWORK_POLICY)[:1]:
            yield policy, f"no chart {NETWORK_CHART} installs a network that heeds this NetworkPolicy, or any other"


def _is_reached_from_outside(resource: Resource) -> Iterable[str]:
    spec = spec_of(resource)
    if at(spec, "type") not in {None, "ClusterIP"}:
        yield f"its type is {at(spec, 'type')}, not ClusterIP"
    if each(spec, "externalIPs"):
        yield "it takes externalIPs: traffic to any address may be drawn to it (CVE-2020-8554)"


def _chart_is_reached_from_outside(resource: Resource) -> Iterable[str]:
    for chart, values in charts(resource):
        allowed = REACHED.get(chart, INTERNAL)
        for path, key, value in everywhere(values):
            if key == "type" and path.lower().endswith("service.type") and value not in allowed:
                yield f"chart {chart}: {path} is {value}, not {' or '.join(sorted(allowed))}"
            if key == "ingress" and at(value, "enabled"):
                yield f"chart {chart}: {path}.enabled is true"


def _lives_among_strangers(resource: Resource) -> Iterable[str]:
    found = namespace_of(resource)
    if found in SHARED_NAMESPACES:
        yield f"it lives in {found}"


ADMISSION_POLICY, SIGNATURE_POLICY = (
    f"kubernetes:policies.kyverno.io/v1:Namespaced{kind}" for kind in ("ValidatingPolicy", "ImageValidatingPolicy")
)


def _lets_pass(resource: Resource) -> Iterable[str]:
    spec = spec_of(resource)
    if at(spec, "failurePolicy") != "Fail":
        yield f"failurePolicy is {at(spec, 'failurePolicy')}: whoever stops Kyverno is let in"
    if list(each(spec, "validationActions")) != ["Deny"]:
        yield f"validationActions are {', '.join(each(spec, 'validationActions')) or 'none'}: what it finds is not refused"
    if not each(spec, "validations"):
        yield "it has no validations"
    if resource.type == SIGNATURE_POLICY:
        yield from _anybody_signs(spec)


def _anybody_signs(spec: Any) -> Iterable[str]:
    for signer in each(spec, "attestors"):
        name = at(signer, "name")
        if not at(signer, "cosign", "key", "data"):
            yield f"the signer {name} has no key of its own: whoever Sigstore knows may be meant"
    if not each(spec, "attestors"):
        yield "it names no signer"
    if at(spec, "validationConfigurations", "required") is False:
        yield "validationConfigurations.required is false: an image that was not looked at passes"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="kubernetes-namespace-restricted",
        title="Every namespace enforces the restricted Pod Security Standard",
        controls=(
            "CIS Kubernetes 1.12 5.2.1",
            "PSS restricted: enforced by the namespace",
            "NSA/CISA Kubernetes Hardening Guide 1.2: Pod security enforcement",
        ),
        severity=Severity.HIGH,
        remedy=f"Label the namespace {STANDARD}/enforce: {RESTRICTED}.",
        types=frozenset({NAMESPACE}),
        check=_enforces_less,
    ),
    ResourceRule(
        name="kubernetes-namespace-audited",
        title="What the restricted standard would refuse is seen, by one version of the standard",
        controls=("CIS Kubernetes 1.12 5.2.1", "PSS restricted: enforced by the namespace"),
        severity=Severity.LOW,
        remedy=f"Label the namespace {STANDARD}/audit and /warn: {RESTRICTED}, and /enforce-version: the cluster's.",
        types=frozenset({NAMESPACE}),
        check=_says_nothing,
    ),
    StackRule(
        name="kubernetes-network-default-deny",
        title="In every namespace, traffic that no policy names is refused",
        controls=(
            "CIS Kubernetes 1.12 5.3.2",
            "NSA/CISA Kubernetes Hardening Guide 1.2: Network policies",
            "Kubescape C-0030",
        ),
        severity=Severity.HIGH,
        remedy="Add a NetworkPolicy with podSelector: {} and policyTypes: [Ingress, Egress], and no rules.",
        check=_open_namespaces,
    ),
    ResourceRule(
        name="kubernetes-network-ingress-named",
        title="A NetworkPolicy names whom it lets in",
        controls=("CIS Kubernetes 1.12 5.3.2", "NSA/CISA Kubernetes Hardening Guide 1.2: Network policies"),
        severity=Severity.CRITICAL,
        remedy="Name the peers by podSelector and namespaceSelector, machines by their subnets.",
        types=frozenset({NETWORK_POLICY}),
        check=_lets_the_world_in,
    ),
    ResourceRule(
        name="kubernetes-network-egress-named",
        title="A NetworkPolicy that lets pods reach the internet keeps them from private networks and the instance's metadata",
        controls=(
            "NSA/CISA Kubernetes Hardening Guide 1.2: Protecting sensitive cloud infrastructure",
            "Kubescape C-0052",
        ),
        severity=Severity.HIGH,
        remedy=f"Name the peers; a block as wide as the internet excepts {', '.join(PRIVATE)}.",
        types=frozenset({NETWORK_POLICY}),
        check=_lets_everything_out,
    ),
    ResourceRule(
        name="kubernetes-network-ports-named",
        title="A NetworkPolicy names the ports that it opens",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Network policies",),
        severity=Severity.MEDIUM,
        remedy="List each port with its protocol.",
        types=frozenset({NETWORK_POLICY}),
        check=_opens_all_ports,
    ),
    ResourceRule(
        name="kubernetes-network-workload-named",
        title="A NetworkPolicy opens something for one workload",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Network policies",),
        severity=Severity.HIGH,
        remedy="Name the workload's labels in podSelector; an empty one is for the policy that denies.",
        types=frozenset({NETWORK_POLICY}),
        check=_opens_for_everybody,
    ),
    StackRule(
        name="kubernetes-network-enforced",
        title="The cluster's network heeds NetworkPolicies",
        controls=("CIS Kubernetes 1.12 5.3.1",),
        severity=Severity.CRITICAL,
        remedy="Keep the chart tigera-operator, with installation.enabled: true.",
        check=_nobody_enforces,
    ),
    ResourceRule(
        name="kubernetes-service-internal",
        title="No Service is reached from outside the cluster: the gateway's chart alone makes one",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Network separation and hardening", "Kubescape C-0021"),
        severity=Severity.HIGH,
        remedy="Set type: ClusterIP, and route to it through the gateway.",
        types=frozenset({SERVICE}),
        check=_is_reached_from_outside,
    ),
    ResourceRule(
        name="kubernetes-chart-internal",
        title="No chart opens a way in beside the gateway",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Network separation and hardening", "Kubescape C-0021"),
        severity=Severity.HIGH,
        remedy="Set the chart's service.type to ClusterIP and ingress.enabled to false; look through `kubectl port-forward`.",
        types=frozenset({APPLICATION}),
        check=_chart_is_reached_from_outside,
    ),
    ResourceRule(
        name="kubernetes-own-namespace",
        title="Nothing of ours lives in a namespace that the cluster shares",
        controls=("CIS Kubernetes 1.12 5.6.1, 5.6.4", "Kubescape C-0061"),
        severity=Severity.MEDIUM,
        remedy="Name the system's own namespace in metadata.namespace.",
        types=PODS | {SERVICE, SERVICE_ACCOUNT, CONFIG_MAP, EXTERNAL_SECRET, NETWORK_POLICY},
        check=_lives_among_strangers,
    ),
    ResourceRule(
        name="kubernetes-admission-denies",
        title="A policy at the API server's door refuses what it finds, and all while nobody can be asked",
        controls=("CIS Kubernetes 1.12 5.2.1",),
        severity=Severity.HIGH,
        remedy="Set failurePolicy: Fail and validationActions: [Deny] in the policy's file.",
        types=frozenset({ADMISSION_POLICY, SIGNATURE_POLICY}),
        check=_lets_pass,
    ),
)
