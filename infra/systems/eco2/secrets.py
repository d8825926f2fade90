"""Which workload gets which secrets: each only what it needs, from SSM Parameter Store, as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.components.cluster.secrets import FetchedSecret, FetchedSecretArgs, ParameterStore, ParameterStoreArgs
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import HOMES, PROVIDERS, SERVICES

STORE = "eco2-parameters"
STORE_WAVE, WAVE = -5, -4

GRAFANA_SECRET = "grafana-admin"  # noqa: S105 - a name


@dataclass(frozen=True, kw_only=True)
class Needed:
    """A workload's Secret: its keys, and the parameter of each below the system's path. `plain` is not secret."""

    workload: str
    secret: str
    keys: Mapping[str, str]
    plain: Mapping[str, str]


def _needed(
    workload: str, keys: Mapping[str, str], *, secret: str | None = None, plain: Mapping[str, str] | None = None
) -> Needed:
    return Needed(workload=workload, secret=secret or workload, keys=keys, plain=plain or {})


USERS = Path(__file__).parents[3] / "deploy/eco2/redis/users"
REDIS_USERS = [line.split()[0] for line in USERS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
"""Who logs in to Redis: each workload that does, and the server's own probe."""
JWT = {"jwt-secret": "jwt/secret"}
ADMIN = {"admin-password": "postgres/admin-password"}
OAUTH = {
    f"{provider}-client-{part}": f"oauth/{provider}-client-{part}"
    for provider in PROVIDERS
    for part in ("id", "secret")
}
DATABASES = {f"{service}-password": f"postgres/{service}-password" for service in SERVICES}


def redis(user: str) -> dict[str, str]:
    return {"redis-password": redis_parameter(user)}


def redis_parameter(user: str) -> str:
    return f"redis/{user}-password"


def _api_keys(service: str) -> dict[str, str]:
    """Each API has its own role's password; auth-api also signs tokens, revokes them and knows the OAuth clients."""
    database = {"postgres-password": f"postgres/{service}-password"}
    return {**database, **redis("auth-api"), **JWT, **OAUTH} if service == "auth" else database


NEEDED = (
    *(_needed(f"{service}-api", _api_keys(service)) for service in SERVICES),
    _needed("ext-authz", {**JWT, **redis("ext-authz")}),
    _needed("redis", {f"{user}-password": redis_parameter(user) for user in REDIS_USERS}),
    _needed("celery-storage", redis("celery-storage")),
    _needed("celery-ai", redis("celery-ai")),
    _needed("postgresql", ADMIN),
    _needed("postgres-databases", {**ADMIN, **DATABASES}),
    _needed("postgres-backup", ADMIN),
    _needed(
        "grafana",
        {"admin-password": "grafana/admin-password"},
        secret=GRAFANA_SECRET,
        plain={"admin-user": "admin"},
    ),
)
"""Every Secret of the system: it has its workload's name and is in its namespace, for it alone to mount."""


def build_secrets(context: Context, opts: pulumi.ResourceOptions) -> None:
    """Register the store, and a Secret per workload that needs one."""
    room = context.names.logical("secrets")
    store = ParameterStore(
        f"{room}-parameters",
        ParameterStoreArgs(
            store=STORE,
            region=context.region,
            namespaces=sorted({HOMES[one.workload] for one in NEEDED}),
            wave=STORE_WAVE,
        ),
        opts,
    )
    for one in NEEDED:
        FetchedSecret(
            f"{room}-{one.workload}",
            FetchedSecretArgs(
                store=store.store,
                secret=one.secret,
                namespace=HOMES[one.workload],
                keys={key: f"{context.parameter_path}/{parameter}" for key, parameter in one.keys.items()},
                plain=one.plain,
                wave=WAVE,
            ),
            opts,
        )
