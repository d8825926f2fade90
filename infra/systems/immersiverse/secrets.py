"""Which workload gets which secrets: each only what it needs, as files, by way of the tenant's own store."""

from __future__ import annotations

from collections.abc import Mapping

from infra.settings import Settings
from infra.systems.immersiverse.context import SECRETS_WAVE, Context
from infra.systems.immersiverse.document import AUTH, BACKUP, DATABASES, PLATFORMS, POSTGRES, REDIS
from infra.tenant import build_parameters, drawn_passwords, fetch_secrets

DATABASE = "auth"
"""The database, and the role that owns it."""
REDIS_USERS = (AUTH, "probe")

ADMIN, OWNER = "postgres/admin-password", f"postgres/{DATABASE}-password"
SIGNING_KEY, SEALING_KEY = "auth/signing-key", "auth/sealing-key"
CLIENTS = {
    f"{platform.name}-client-{part}": f"platforms/{platform.name}-client-{part}"
    for platform in PLATFORMS
    for part in ("id", "secret")
}
PASSWORDS = (ADMIN, OWNER, SIGNING_KEY, SEALING_KEY, *(f"redis/{user}-password" for user in REDIS_USERS))
"""The parameters that nobody sets or sees."""

NEEDED: Mapping[str, Mapping[str, str]] = {
    AUTH: {
        "postgres-password": OWNER,
        "redis-password": f"redis/{AUTH}-password",
        "signing-key": SIGNING_KEY,
        "sealing-key": SEALING_KEY,
        **CLIENTS,
    },
    POSTGRES: {"admin-password": ADMIN},
    DATABASES: {"admin-password": ADMIN, f"{DATABASE}-password": OWNER},
    BACKUP: {"admin-password": ADMIN},
    REDIS: {f"{user}-password": f"redis/{user}-password" for user in REDIS_USERS},
}
"""Every Secret that is fetched, by its workload: its keys, and the parameter of each below the system's path."""


def build_secrets(context: Context, settings: Settings) -> None:
    """Register the parameters, and a Secret per workload that needs one."""
    clients = {parameter: settings.secret(f"immersiverse-{key}") for key, parameter in CLIENTS.items()}
    build_parameters(context, {**drawn_passwords(context, PASSWORDS), **clients})
    fetch_secrets(context, NEEDED, SECRETS_WAVE)
