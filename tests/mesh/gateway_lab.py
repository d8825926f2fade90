"""The gateway lab on the rig: its rendered files with keys that the tests have, and who is behind its gateway."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.components.cluster.rollout import HASH_LABEL
from infra.components.mesh.filters.api_keys import API_KEYS as API_KEYS_FILTER
from infra.systems.gateway_lab.cache import CACHE, READ_PORT
from infra.systems.gateway_lab.document import HOME, SERVICES, SYSTEM, USER
from tests.mesh import tenants
from tests.mesh.issuer import Issuer
from tests.mesh.manifests import Manifest, named
from tests.mesh.rig import Workload
from tests.mesh.tokens import tokens as eco2_tokens

HOST = "lab.eco2.example.com"
"""`gateway_lab.label` and `eco2.domain` of Pulumi.prod.yaml."""
ISSUER, AUDIENCE = f"https://{HOST}", "gateway-lab"
OFFICE = "203.0.113.7"
"""An address of `gateway_lab.admin.addresses`."""

PODS = ("1", "2")
WORKLOADS = [
    *(
        Workload(
            name=f"{one.name}-{pod}",
            namespace=HOME,
            port=one.port,
            service=one.name,
            labels={HASH_LABEL: pod} if one.name == USER else {},
        )
        for one in SERVICES
        for pod in PODS
    ),
    *(Workload(name=f"{CACHE}-{pod}", namespace=HOME, port=READ_PORT, service=CACHE) for pod in PODS),
    Workload(name="my-api", namespace="my", port=8000),
]
"""Two pods of each service and of the cache, as rendered, of the user service one of each of two releases; one API of the cluster's
own, which the lab must leave alone."""

SETTINGS: Mapping[str, Any] = {
    "gateway_lab.failure": {"consecutive_errors": 5, "ejection_seconds": 3, "concurrent_requests": 8},
    "gateway_lab.limits": {"per_minute": 5, "per_hour": 50, "logins_per_minute": 3},
    "gateway_lab.cors": {"origins": ["https://shop.example.com"]},
    "gateway_lab.traces": {"percent": 100},
    "gateway_lab.api_keys": {
        "warehouse": {"keys": ["old", "new"], "services": ["product-service", "order-service"], "writes": True},
        "auditor": {"keys": ["only"], "services": ["order-service"]},
    },
}
"""What makes failures quick to see: pods come back after three seconds, eight requests at a time are many, and five a minute.
Every request becomes a trace."""

API_KEYS: Mapping[str, str] = {name: f"{name}{'Aa0Zz9'}".ljust(43, "x") for name in ("old", "new", "only", "gone")}
"""The keys of the settings, by their names, and one that was taken out of them."""

_numbers = itertools.count()
TOKENS = Issuer(ISSUER, AUDIENCE, userId="1", username="user", role="user")


def somebody(**claims: Any) -> str:
    """A token of a user who never came before: nobody else's requests count for him."""
    return TOKENS.token(**{"sub": f"user-{next(_numbers)}", **claims})


def tokens() -> Mapping[str, str]:
    """Every token by the name that cases call it."""
    return {
        **{f"bad_{name}": token for name, token in TOKENS.bad().items()},
        "user": somebody(),
        "admin": somebody(userId="2", username="admin", role="admin"),
        "root": somebody(role="root"),
        "roleless": somebody(role=None),
        "eco2": eco2_tokens()["valid"],
        **{f"key_{name}": key for name, key in API_KEYS.items()},
    }


def objects(factory: pytest.TempPathFactory) -> list[Manifest]:
    """The cluster's objects and the lab's, with the tests' keys in the place of the settings', and the collector's Service."""
    folder: Path = tenants.files(factory, SYSTEM, SETTINGS)
    rendered = tenants.with_keys(tenants.objects(folder), {ISSUER: TOKENS.keys()})
    know(rendered, {"warehouse": [API_KEYS["old"], API_KEYS["new"]], "auditor": [API_KEYS["only"]]})
    return tenants.with_collector(rendered)


def know(objects: Sequence[Manifest], keys: Mapping[str, Sequence[str]]) -> None:
    """The digests of these keys, by their consumers, in the place of those that the rehearsal drew."""
    left = {consumer: [*own] for consumer, own in keys.items()}
    (here,) = [
        one["patch"]["value"]["typed_per_filter_config"][API_KEYS_FILTER]["filter_context"]["keys"]
        for one in named(objects, "EnvoyFilter", "gateway-lab-api-keys")["spec"]["configPatches"]
        if one["applyTo"] == "VIRTUAL_HOST"
    ]
    for one in here:
        one["sha256"] = hashlib.sha256(left[one["consumer"]].pop().encode()).hexdigest()
