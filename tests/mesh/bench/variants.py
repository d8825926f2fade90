"""The edge with one protection more each: from a bare route to eco2's as rendered, then what coming systems add to it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.mesh import eco2
from tests.mesh.eco2_cases import HOST, MY
from tests.mesh.limits import limited
from tests.mesh.manifests import Manifest, without
from tests.mesh.tokens import key_set, rs256, tokens

Objects = list[Manifest]
TARGET = MY
LIMIT = 1_000_000_000
"""Requests of one user that the rate limit allows: it counts, and never refuses."""

ISSUER = "https://issuer.test"
_SECOND_TOKEN = "x-id-token"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """An edge: its name says what it has beyond the one before."""

    name: str
    objects: Objects
    mesh: Manifest


@dataclass(frozen=True, kw_only=True)
class Part:
    """A protection, and how eco2's rendered mesh is without it."""

    name: str
    remove: Callable[[Objects, Manifest], Objects]


def _without(*gone: tuple[str, str]) -> Callable[[Objects, Manifest], Objects]:
    def remove(objects: Objects, mesh: Manifest) -> Objects:
        for kind, name in gone:
            objects = without(objects, kind, name)
        return objects

    return remove


def _without_log(objects: Objects, mesh: Manifest) -> Objects:
    mesh.pop("accessLogFile")
    return without(objects, "Telemetry", "mesh-default")


def _as_they_come(objects: Objects, mesh: Manifest) -> Objects:
    mesh["pathNormalization"] = {"normalization": "NONE"}
    return without(objects, "EnvoyFilter", "strip-identity-headers")


PARTS = (
    Part(name="access log", remove=_without_log),
    Part(name="normalised, stripped", remove=_as_they_come),
    Part(name="Lua: cookie to header", remove=_without(("EnvoyFilter", "cookie-to-header"))),
    Part(
        name="default deny",
        remove=_without(("AuthorizationPolicy", "default-deny"), ("AuthorizationPolicy", "edge")),
    ),
    Part(
        name="ext-authz (eco2)",
        remove=_without(("AuthorizationPolicy", "ext-authz-policy"), ("EnvoyFilter", "ext-authz-headers")),
    ),
)


def variants(rendered: Sequence[Manifest]) -> list[Variant]:
    """Every edge, each with one protection more than the one before; the one with `ext-authz` is eco2's as rendered."""
    found = [_variant("bare route", rendered, PARTS)]
    found += [_variant(f"+ {part.name}", rendered, PARTS[index + 1 :]) for index, part in enumerate(PARTS)]
    for name, added in (("JWT, RS256", _token_policy(rendered)), ("rate limit", limited(eco2.gateway(rendered)))):
        before = found[-1]
        found.append(Variant(name=f"+ {name}", objects=[*before.objects, *added], mesh=before.mesh))
    return found


def request_headers() -> list[tuple[str, str]]:
    """What every variant serves: the session in a cookie, and a token of another issuer that only the JWT filter reads."""
    known = tokens()
    return [("Host", HOST), ("Cookie", f"s_access={known['valid']}"), (_SECOND_TOKEN, rs256({**_CLAIMS, **_times()}))]


_CLAIMS = {"iss": ISSUER, "sub": "user-1"}


def _times() -> dict[str, int]:
    now = int(time.time())
    return {"iat": now - 10, "exp": now + 600}


def _variant(name: str, rendered: Sequence[Manifest], gone: Sequence[Part]) -> Variant:
    objects = copy.deepcopy(list(rendered))
    mesh = eco2.mesh_configuration(objects)
    for part in gone:
        objects = part.remove(objects, mesh)
    return Variant(name=name, objects=objects, mesh=mesh)


def _token_policy(rendered: Sequence[Manifest]) -> Objects:
    """A token that must be there and be good, verified in the gateway itself."""
    gateway = eco2.gateway(rendered)
    rule = {"issuer": ISSUER, "jwks": key_set(), "fromHeaders": [{"name": _SECOND_TOKEN}]}
    selector = {"selector": {"matchLabels": dict(gateway.labels)}}
    required = {"action": "DENY", "rules": [{"from": [{"source": {"notRequestPrincipals": ["*"]}}]}]}
    place = {"name": "bench-token", "namespace": gateway.namespace}
    version = "security.istio.io/v1"
    return [
        {
            "apiVersion": version,
            "kind": "RequestAuthentication",
            "metadata": place,
            "spec": {**selector, "jwtRules": [rule]},
        },
        {"apiVersion": version, "kind": "AuthorizationPolicy", "metadata": place, "spec": {**selector, **required}},
    ]
