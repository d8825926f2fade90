"""EnvoyFilters: the only module that writes them, for what Istio's own API cannot say.

A filter whose match names something that does not exist passes every validator and does nothing, so matches are as few as possible:
only `checked_headers` depends on a filter's name, and without effect it leaves more headers in the check, not less protection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pulumi

from infra.components.mesh.objects import NETWORKING_ALPHA, MeshComponent, Place, Spec

_TYPES = "type.googleapis.com/envoy.extensions"
CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"
EXT_AUTHZ = "envoy.filters.http.ext_authz"
LUA = "envoy.filters.http.lua"
EARLY_MUTATION = "envoy.http.early_header_mutation.header_mutation"


@dataclass(frozen=True, kw_only=True)
class GatewayFilterArgs:
    """`patch` is what one of this module's builders returned; `workload` are the labels of the gateway's pods."""

    place: Place
    workload: Mapping[str, str]
    patch: Spec


def gateway_filter(args: GatewayFilterArgs) -> Spec:
    """The spec; without labels a patch would reach every gateway of the namespace, in the root namespace of the mesh."""
    if not args.workload:
        raise ValueError(f"{args.place.reference}: an EnvoyFilter names its workload")
    return {"workloadSelector": {"labels": dict(args.workload)}, "configPatches": [args.patch]}


def lua_filter(code: str) -> Spec:
    """Runs a Lua script on every request, before every other HTTP filter, and so before ext_authz."""
    if "function envoy_on_re" not in code:
        raise ValueError("the script defines neither envoy_on_request nor envoy_on_response")
    config = {"@type": f"{_TYPES}.filters.http.lua.v3.Lua", "default_source_code": {"inline_string": code}}
    return {
        "applyTo": "HTTP_FILTER",
        "match": _match(),
        "patch": {"operation": "INSERT_FIRST", "value": {"name": LUA, "typed_config": config}},
    }


def stripped_headers(headers: Sequence[str]) -> Spec:
    """Removes headers that only the mesh may set from what clients send, before any HTTP filter runs and any route is chosen.

    A VirtualService could remove them only after ext_authz, with what ext_authz has set. Spellings with underscores go too: some
    servers (WSGI, CGI) take them for the same header.
    """
    names = sorted({one.lower() for one in headers} | {one.lower().replace("-", "_") for one in headers})
    if not names:
        raise ValueError("no header to strip")
    mutation = {
        "name": EARLY_MUTATION,
        "typed_config": {
            "@type": f"{_TYPES}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove": name} for name in names],
        },
    }
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "early_header_mutation_extensions": [mutation],
    }
    return {
        "applyTo": "NETWORK_FILTER",
        "match": _match(),
        "patch": {"operation": "MERGE", "value": {"name": CONNECTION_MANAGER, "typed_config": manager}},
    }


def rejected_underscores() -> Spec:
    """A request with an underscore in a header's name is answered with 400: some servers take it for the one with a dash."""
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
    }
    return {
        "applyTo": "NETWORK_FILTER",
        "match": _match(),
        "patch": {"operation": "MERGE", "value": {"name": CONNECTION_MANAGER, "typed_config": manager}},
    }


def checked_headers(headers: Sequence[str]) -> Spec:
    """Only these headers are shown to the gRPC authorizer (eco2.md, ext-authz settings); Istio's provider can say so for HTTP only.

    Method, path and host are no headers of the check: it always has them.
    """
    if not headers:
        raise ValueError("an authorizer that sees no header can allow nothing")
    patterns = [{"exact": name.lower(), "ignore_case": True} for name in headers]
    config = {
        "@type": f"{_TYPES}.filters.http.ext_authz.v3.ExtAuthz",
        "allowed_headers": {"patterns": patterns},
    }
    return {
        "applyTo": "HTTP_FILTER",
        "match": _match({"subFilter": {"name": EXT_AUTHZ}}),
        "patch": {"operation": "MERGE", "value": {"name": EXT_AUTHZ, "typed_config": config}},
    }


def _match(inner: Spec | None = None) -> Spec:
    filter_ = {"name": CONNECTION_MANAGER, **(inner or {})}
    return {"context": "GATEWAY", "listener": {"filterChain": {"filter": filter_}}}


class GatewayFilter(MeshComponent):
    """One patch of the gateway's Envoy (eco2.md, Istio resources: `cookie-to-header`).

    Resources: an EnvoyFilter.
    """

    pulumi_type: ClassVar[str] = "platform:mesh:GatewayFilter"
    api_version, kind = NETWORKING_ALPHA, "EnvoyFilter"

    def __init__(self, name: str, args: GatewayFilterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args.place, gateway_filter(args), opts)
