"""Whose a host at the gateway is; and hosts that the cluster's authorizer is not asked about: what must stand in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy.kubernetes_objects import annotation, at, each, name_of, number, spec_of
from policy.mesh_objects import (
    AUTHORIZATION_POLICY,
    GATEWAY,
    REQUEST_AUTHENTICATION,
    TENANT,
    action_of,
    is_at_gateway,
    operations,
    served_hosts,
)
from policy.rules.mesh_security import EXACT_PATH, PREFLIGHT
from policy.rules.model import Resource, Rule, Severity, Stack, StackRule

KEY_HOLDERS = "experimental.envoy.filters.http.api_keys[consumer]"
"""The consumer whom an API key names."""


def _at_gateways(stack: Stack, kind: str) -> list[Resource]:
    return [one for one in stack.of(kind) if any(is_at_gateway(one, gateway) for gateway in stack.of(GATEWAY))]


def _unasked(policy: Resource) -> set[str]:
    """The hosts, without their ports, that a CUSTOM policy leaves out."""
    return {host.removesuffix(":*") for operation in operations(policy) for host in each(operation, "notHosts")}


def _not_replaced(stack: Stack) -> Iterable[tuple[Resource, str]]:
    policies = _at_gateways(stack, AUTHORIZATION_POLICY)
    read = {
        at(rule, "issuer")
        for one in _at_gateways(stack, REQUEST_AUTHENTICATION)
        for rule in each(spec_of(one), "jwtRules")
    }
    ports = {
        number(at(one, "port", "number")) for gateway in stack.of(GATEWAY) for one in each(spec_of(gateway), "servers")
    }
    denied = [rule for one in policies if action_of(one) == "DENY" for rule in each(spec_of(one), "rules")]
    for policy in policies:
        if action_of(policy) != "CUSTOM":
            continue
        for host in sorted(_unasked(policy)):
            required = {issuer for rule in denied for issuer in _issuers(rule, host, ports)}
            if not required:
                yield (
                    policy,
                    f"nobody is asked about {host}, and no DENY there requires a token of an issuer that it names",
                )
            for issuer in sorted(required - read):
                yield policy, f"{host} requires tokens of {issuer}, which no RequestAuthentication at the gateway reads"


def _issuers(rule: Mapping[str, Any], host: str, ports: set[str]) -> Iterator[str]:
    """The issuer of whose tokens a DENY rule lets nobody in without, on that host with any port; none for a rule that says less."""
    targets = [at(one, "operation") or {} for one in each(rule, "to")]
    sources = [at(one, "source") or {} for one in each(rule, "from")]
    if not all(_has_no_key(one) for one in each(rule, "when")) or not any(
        _is_whole(one, host, ports) for one in targets
    ):
        return
    for source in sources:
        wanted = list(each(source, "notRequestPrincipals"))
        if len(source) == 1 and len(wanted) == 1 and wanted[0].endswith("/*") and wanted[0] != "*/*":
            yield wanted[0].removesuffix("/*")


def _has_no_key(condition: Mapping[str, Any]) -> bool:
    """Whether it lets pass who has shown an API key to the gateway's own filter: no client can write a request's metadata."""
    return (
        set(condition) == {"key", "notValues"}
        and at(condition, "key") == KEY_HOLDERS
        and list(each(condition, "notValues")) == ["*"]
    )


def _is_whole(operation: Mapping[str, Any], host: str, ports: set[str]) -> bool:
    """Whether it takes every request of the host, on every port of a gateway, but for exact paths and preflights."""
    return (
        set(operation) <= {"hosts", "ports", "notPaths", "notMethods"}
        and ports <= {*(each(operation, "ports") or ports)}
        and {host, f"{host}:*"} <= {*each(operation, "hosts")}
        and all(EXACT_PATH.fullmatch(path) for path in each(operation, "notPaths"))
        and {*each(operation, "notMethods")} <= PREFLIGHT
    )


def _read_carelessly(stack: Stack) -> Iterable[tuple[Resource, str]]:
    seen: dict[str, str] = {}
    for policy in stack.of(AUTHORIZATION_POLICY):
        if action_of(policy) == "CUSTOM" and (bare := sorted(_half(policy))):
            yield policy, f"notHosts has {', '.join(bare)} with a port or without one, but not both"
    for one in stack.of(REQUEST_AUTHENTICATION):
        for rule in each(spec_of(one), "jwtRules"):
            issuer = str(at(rule, "issuer"))
            for wrong in _careless(rule):
                yield one, f"{issuer}: {wrong}"
            if issuer in seen:
                yield one, f"{issuer}: {seen[issuer]} names its keys too: either's would be taken on all hosts"
            seen[issuer] = name_of(one)


def _half(policy: Resource) -> Iterator[str]:
    for operation in operations(policy):
        hosts = {*each(operation, "notHosts")}
        yield from (host for host in hosts if {host.removesuffix(":*"), f"{host.removesuffix(':*')}:*"} - hosts)


def _careless(rule: Mapping[str, Any]) -> Iterator[str]:
    if not at(rule, "issuer"):
        yield "it names no issuer: whoever's token it is would do"
    if not each(rule, "audiences"):
        yield "it names no audience: a token for another service would do"
    if not at(rule, "jwks") and not str(at(rule, "jwksUri") or "").startswith("https://"):
        yield f"its keys come from {at(rule, 'jwksUri') or 'where the issuer says'}, not by https from an address that is named"
    for place in ("fromParams", "fromCookies", "fromHeaders"):
        if each(rule, place):
            yield f"{place}: a token elsewhere than in Authorization gets into logs, or comes by itself with every request"


def _opens_anothers(stack: Stack) -> Iterable[tuple[Resource, str]]:
    owners = {host: annotation(one, TENANT) for one in stack.of(GATEWAY) for host in served_hosts(one)}
    for policy in _at_gateways(stack, AUTHORIZATION_POLICY):
        if action_of(policy) != "ALLOW":
            continue
        mine = annotation(policy, TENANT)
        for operation in operations(policy):
            hosts = sorted({host.removesuffix(":*") for host in each(operation, "hosts")})
            if not hosts:
                yield policy, "it names no host: it opens paths of every host of the gateway"
            for host in hosts:
                if host not in owners:
                    yield policy, f"no Gateway serves {host}"
                elif owners[host] != mine:
                    yield policy, f"{host} is {_whose(owners[host])}, and this is {_whose(mine)}"


def _whose(tenant: str) -> str:
    return f"{tenant}'s" if tenant else "the cluster's own"


RULES: tuple[Rule, ...] = (
    StackRule(
        name="mesh-own-hosts",
        title="At the shared gateway a system opens its own hosts alone",
        controls=("OWASP API Security API5:2023",),
        severity=Severity.CRITICAL,
        remedy="Name hosts that the tenant declares (`Tenant.hosts`), and register the allowance with `platform.edge_objects`, "
        "which marks it as the tenant's.",
        check=_opens_anothers,
    ),
    StackRule(
        name="mesh-own-tokens-required",
        title="Where the cluster's authorizer is not asked, a token of a named issuer is required",
        controls=("Istio: RequestAuthentication", "OWASP API Security API2:2023"),
        severity=Severity.CRITICAL,
        remedy="Keep a DENY at the gateway for the host and the host:*, with notRequestPrincipals: [<issuer>/*] alone, and the "
        "issuer's RequestAuthentication: `Tenant.own_tokens` has the cluster render both.",
        check=_not_replaced,
    ),
    StackRule(
        name="mesh-own-tokens-read-safely",
        title="Tokens are read from one place, for an audience, with keys that one object names",
        controls=("Istio: RequestAuthentication", "OWASP ASVS 4.0: 3.5.3"),
        severity=Severity.HIGH,
        remedy="Name audiences, and jwks or a jwksUri by https; one object per issuer, and hosts with and without a port.",
        check=_read_carelessly,
    ),
)
