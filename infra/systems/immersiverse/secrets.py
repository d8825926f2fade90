"""Which workload gets which secrets: each only what it needs, as files, by way of the tenant's own store."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_random as random

from infra.components.aws.parameters import Parameters, ParametersArgs
from infra.components.cluster.secrets import FetchedSecret, FetchedSecretArgs
from infra.settings import Settings
from infra.systems.immersiverse.context import SECRETS_WAVE, Context
from infra.systems.immersiverse.document import AUTH, DATABASES, HOME, PLATFORMS, POSTGRES, REDIS

PASSWORD_LENGTH = 40
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
    REDIS: {f"{user}-password": f"redis/{user}-password" for user in REDIS_USERS},
}
"""Every Secret that is fetched, by its workload: its keys, and the parameter of each below the system's path."""


def build_secrets(context: Context, settings: Settings) -> None:
    """Register the parameters, and a Secret per workload that needs one."""
    path = context.cluster.platform.secrets.path
    passwords: dict[str, pulumi.Input[str]] = {
        name: random.RandomPassword(
            context.names.logical(name.replace("/", "-")), length=PASSWORD_LENGTH, special=False
        ).result
        for name in PASSWORDS
    }
    clients = {parameter: settings.secret(f"immersiverse-{key}") for key, parameter in CLIENTS.items()}
    Parameters(
        context.names.logical("parameters"),
        ParametersArgs(
            path=path,
            key_arn=context.cluster.aws.key_arn,
            plain={},
            secret={**passwords, **clients},
            tags=context.tags,
        ),
    )
    for workload, keys in NEEDED.items():
        FetchedSecret(
            context.names.logical(f"secret-{workload}"),
            FetchedSecretArgs(
                store=context.cluster.platform.secrets.store,
                secret=workload,
                namespace=HOME,
                keys={key: f"{path}/{parameter}" for key, parameter in keys.items()},
                wave=SECRETS_WAVE,
            ),
            context.objects,
        )
