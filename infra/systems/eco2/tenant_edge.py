"""What tenants declare at the gateway that all share, rendered by its one owner (docs/adr/0025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.components.cluster.gitops import waved
from infra.components.mesh.filters.local_limits import burst_limit, counts_locally
from infra.components.mesh.filters.local_replies import json_errors, local_replies, token_missing, too_many
from infra.components.mesh.filters.own_tokens import tokens_not_read
from infra.components.mesh.filters.placing import GatewayFilter, GatewayFilterArgs, last_route
from infra.components.mesh.filters.rate_limits import asks_the_limiter, limited_host
from infra.components.mesh.filters.response_headers import headers_of_host, hidden_programs
from infra.components.mesh.objects import Place, Spec
from infra.components.mesh.tokens import RequestAuthentication, RequireToken, RequireTokenArgs, TokensArgs
from infra.contract import Tenant
from infra.edge import OwnTokens, WithoutLimiter
from infra.systems.eco2 import mesh, rate_limits
from infra.systems.eco2.context import Context
from infra.systems.eco2.rate_limits import domain

PORT = mesh.GATEWAY_CONTAINER_PORT
LIMITERS: Mapping[WithoutLimiter, str] = {
    "refuse": "envoy.filters.http.ratelimit.refusing",
    "let pass": "envoy.filters.http.ratelimit.passing",
}
BEFORE_RULES = mesh.RULES_WAVE - 1
"""Filters that keep a tenant's rules from other hosts are there before those rules."""


def build_tenant_edge(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register whose tokens are read and where one is required, and what the gateway's filters do for tenants' hosts."""
    for tenant in context.tenants:
        _own_tokens(context, tenant, opts)
    for one in _filters(context):
        if one.patches:
            place = _place(f"tenants-{one.name}", BEFORE_RULES)
            GatewayFilter(
                f"{context.names.logical('tenants')}-{one.name}",
                GatewayFilterArgs(
                    place=place, workload=mesh.GATEWAY_LABELS, patches=one.patches, priority=one.priority
                ),
                opts,
            )


def _place(name: str, wave: int = mesh.RULES_WAVE) -> Place:
    return Place(name=name, namespace=mesh.ROOT, annotations=waved(wave))


def _dashed(tenant: Tenant) -> str:
    return tenant.system.replace("_", "-")


def _required(tenant: Tenant, own: OwnTokens) -> Place:
    """The policy that refuses who has no token on those hosts."""
    return _place(f"{_dashed(tenant)}-{own.hosts[0]}-token")


def _own_tokens(context: Context, tenant: Tenant, opts: pulumi.ResourceOptions) -> None:
    if not tenant.own_tokens:
        return
    room = f"{context.names.logical('tenant')}-{_dashed(tenant)}"
    RequestAuthentication(
        f"{room}-tokens",
        TokensArgs(
            place=_place(f"{_dashed(tenant)}-tokens"),
            workload=mesh.GATEWAY_LABELS,
            tokens=[own.tokens for own in tenant.own_tokens],
        ),
        opts,
    )
    for own in tenant.own_tokens:
        RequireToken(
            f"{room}-{own.hosts[0]}-token",
            RequireTokenArgs(
                place=_required(tenant, own),
                workload=mesh.GATEWAY_LABELS,
                hosts=[context.host(label) for label in own.hosts],
                ports=[PORT],
                issuer=own.tokens.issuer,
                public=own.public,
                preflights=own.preflights,
                api_keys=own.api_keys,
            ),
            opts,
        )


@dataclass(frozen=True, kw_only=True)
class Filter:
    """An EnvoyFilter; of filters that are put first, the one of the highest priority sees requests first, and answers last."""

    name: str
    patches: Sequence[Spec]
    priority: int = 0


def _filters(context: Context) -> list[Filter]:
    """Without patches where nobody asks for them."""
    found = [
        Filter(name="token-hosts", patches=_token_hosts(context)),
        Filter(name="rate-limits", patches=_rate_limits(context), priority=-10),
        Filter(name="bursts", patches=_bursts(context), priority=10),
        Filter(name="answers", patches=_answers(context), priority=20),
        Filter(name="local-replies", patches=_local_replies(context)),
    ]
    # Whatever is said of a host holds for all its paths, those that lead nowhere too.
    hosts = [context.api_host, *context.tenant_hosts.values()] if any(one.patches for one in found) else []
    return [*found, Filter(name="last-routes", patches=[last_route(host, PORT) for host in hosts], priority=30)]


def _token_hosts(context: Context) -> list[Spec]:
    hosts = [context.api_host, *context.tenant_hosts.values()]
    others = [host for host in hosts if host not in context.own_token_hosts]
    return [tokens_not_read(host, PORT) for host in others] if context.own_token_hosts else []


def _rate_limits(context: Context) -> list[Spec]:
    """One filter that refuses without the limiter, one that lets pass: each limit says which."""
    found: list[Spec] = []
    for choice, name in LIMITERS.items():
        hosts = [
            limited_host(name, context.host(label), PORT, domain=domain(tenant), limits=limits)
            for tenant in context.tenants
            for label in tenant.hosts
            if (limits := [one.limited for one in tenant.limits if (one.host, one.without_limiter) == (label, choice)])
        ]
        if hosts:
            asks = asks_the_limiter(name, rate_limits.SERVICE, rate_limits.PORT, fail_closed=choice == "refuse")
            found += [asks, *hosts]
    return found


def _bursts(context: Context) -> list[Spec]:
    hosts = [
        burst_limit(context.host(one.host), PORT, one.burst) for tenant in context.tenants for one in tenant.bursts
    ]
    return [counts_locally(), *hosts] if hosts else []


def _answers(context: Context) -> list[Spec]:
    hosts = [
        headers_of_host(context.host(label), PORT, one.headers)
        for tenant in context.tenants
        for one in tenant.answers
        for label in one.hosts
    ]
    return [*hidden_programs(), *hosts] if hosts else []


def _local_replies(context: Context) -> list[Spec]:
    missing = [token_missing(_required(tenant, one)) for tenant in context.tenants for one in tenant.own_tokens]
    hosts = [
        context.host(label)
        for tenant in context.tenants
        for one in tenant.answers
        if one.json_errors
        for label in one.hosts
    ]
    limited = any(tenant.limits or tenant.bursts for tenant in context.tenants)
    mappers = [*missing, *(json_errors(hosts) if hosts else []), *([too_many()] if limited else [])]
    return [local_replies(mappers)] if mappers else []
