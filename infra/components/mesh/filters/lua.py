"""Envoy's Lua filter."""

from __future__ import annotations

from infra.components.mesh.filters.placing import TYPES, first
from infra.components.mesh.objects import Spec

LUA = "envoy.filters.http.lua"


def lua_filter(code: str) -> Spec:
    """Runs a Lua script on every request, before every other HTTP filter, and so before ext_authz."""
    if "function envoy_on_re" not in code:
        raise ValueError("the script defines neither envoy_on_request nor envoy_on_response")
    config = {"@type": f"{TYPES}.filters.http.lua.v3.Lua", "default_source_code": {"inline_string": code}}
    return first(LUA, config)
