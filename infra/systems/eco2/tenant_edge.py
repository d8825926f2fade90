"""What tenants declare at the gateway that all share, rendered by its one owner (docs/adr/0025)."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from infra.components.cluster.gitops import waved
from infra.components.mesh.filters.local_replies import local_replies, token_missing
from infra.components.mesh.filters.own_tokens import tokens_not_read
from infra.components.mesh.filters.placing import GatewayFilter, GatewayFilterArgs
from infra.components.mesh.objects import Place, Spec
from infra.components.mesh.tokens import RequestAuthentication, RequireToken, RequireTokenArgs, TokensArgs
from infra.contract import Tenant
from infra.edge import OwnTokens
from infra.systems.eco2 import mesh
from infra.systems.eco2.context import Context

BEFORE_RULES = mesh.RULES_WAVE - 1
"""Filters that keep a tenant's rules from other hosts are there before those rules."""


def build_tenant_edge(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register whose tokens are read and where one is required, and what the gateway's filters do for tenants' hosts."""
    for tenant in context.tenants:
        _own_tokens(context, tenant, opts)
    for name, patches in _filters(context).items():
        if patches:
            GatewayFilter(
                f"{context.names.logical('tenants')}-{name}",
                GatewayFilterArgs(
                    place=_place(f"tenants-{name}", BEFORE_RULES), workload=mesh.GATEWAY_LABELS, patches=patches
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
                issuer=own.tokens.issuer,
                public=own.public,
                preflights=own.preflights,
            ),
            opts,
        )


def _filters(context: Context) -> Mapping[str, list[Spec]]:
    """The patches of each EnvoyFilter, none where nobody asks for them."""
    own = [(tenant, one) for tenant in context.tenants for one in tenant.own_tokens]
    others = [
        context.api_host,
        *(host for host in context.tenant_hosts.values() if host not in context.own_token_hosts),
    ]
    replies = [token_missing(_required(tenant, one)) for tenant, one in own]
    return {
        "token-hosts": [tokens_not_read(host, mesh.GATEWAY_CONTAINER_PORT) for host in others] if own else [],
        "local-replies": [local_replies(replies)] if replies else [],
    }
