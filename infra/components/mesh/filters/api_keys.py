"""API keys on one host: a Lua script that says whose a key is, and refuses what is nobody's.

Istio's build of Envoy has no `api_key_auth`, and that filter would have the keys themselves in its configuration. Whose a request
is, the script puts into the request's metadata, which no client can send: policies and limits read it there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.components.mesh.filters.placing import TYPES, first, for_host
from infra.components.mesh.objects import Spec

API_KEYS = "envoy.filters.http.api_keys"
"""The filter's name, and where in a request's metadata it says whose the request is."""

CONSUMER = "consumer"
CONDITION = f"experimental.{API_KEYS}[{CONSUMER}]"
"""How Istio's policies name it (istio.io, "Authorization Policy Conditions": `experimental.envoy.filters.*`)."""

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class KeyDigest:
    """A key of `consumer` that holds, by its SHA-256 in hexadecimal; a consumer has two while one is changed for the other."""

    consumer: str
    sha256: pulumi.Input[str]

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.consumer):
            raise ValueError(f"the consumer '{self.consumer}' is not like acme-warehouse")


def api_keys(host: str, port: int, script: str, keys: Sequence[KeyDigest]) -> list[Spec]:
    """The patches: the filter, which does nothing on a host without a script of its own, and the host's script with its keys."""
    if "function envoy_on_request" not in script or not keys:
        raise ValueError(f"{host}: API keys need a script with envoy_on_request, and a key that holds")
    here = {
        "@type": f"{TYPES}.filters.http.lua.v3.LuaPerRoute",
        "source_code": {"inline_string": script},
        "filter_context": {"keys": [{"consumer": one.consumer, "sha256": one.sha256} for one in keys]},
    }
    return [
        first(API_KEYS, {"@type": f"{TYPES}.filters.http.lua.v3.Lua"}),
        for_host(host, port, {"typed_per_filter_config": {API_KEYS: here}}),
    ]
