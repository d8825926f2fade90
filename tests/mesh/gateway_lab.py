"""The gateway lab on the rig: its rendered files with keys that the tests have, and who is behind its gateway."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.systems.gateway_lab.document import HOME, SERVICES, SYSTEM
from tests.mesh import tenants
from tests.mesh.issuer import Issuer
from tests.mesh.manifests import Manifest
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
        Workload(name=f"{one.name}-{pod}", namespace=HOME, port=one.port, service=one.name)
        for one in SERVICES
        for pod in PODS
    ),
    Workload(name="my-api", namespace="my", port=8000),
]
"""Two pods of each service, as rendered; one API of the cluster's own, which the lab must leave alone."""

SETTINGS: Mapping[str, Any] = {
    "gateway_lab.failure": {"consecutive_errors": 5, "ejection_seconds": 3, "concurrent_requests": 8},
    "gateway_lab.limits": {"per_minute": 5, "per_hour": 50, "logins_per_minute": 3},
    "gateway_lab.cors": {"origins": ["https://shop.example.com"]},
    "gateway_lab.traces": {"percent": 100},
}
"""What makes failures quick to see: pods come back after three seconds, eight requests at a time are many, and five a minute.
Every request becomes a trace."""

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
    }


def objects(factory: pytest.TempPathFactory) -> list[Manifest]:
    """The cluster's objects and the lab's, with the tests' keys in the place of the settings', and the collector's Service."""
    folder: Path = tenants.files(factory, SYSTEM, SETTINGS)
    return tenants.with_collector(tenants.with_keys(tenants.objects(folder), {ISSUER: TOKENS.keys()}))
