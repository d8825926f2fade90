"""Which workload gets which secrets: each only what it needs, as files, by way of the tenant's own store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_random as random

from infra.settings import Settings
from infra.systems.gateway_lab.context import Context
from infra.systems.gateway_lab.document import (
    AUTH,
    CANARY,
    MONGODB,
    NOTIFICATION,
    ORDER,
    POSTGRESQL,
    PRODUCT,
    REDIS,
    USER,
)
from infra.tenant import build_parameters, drawn_passwords, fetch_secrets

WAVE = -4
BACKUP, DATABASES = "data-backup", "postgresql-lab-databases"
"""The two jobs beside the servers."""

REDIS_USERS = tuple(
    line.split()[0]
    for line in (Path(__file__).parents[3] / "deploy/gateway_lab/redis/users").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)
"""Who logs in to Redis: each workload that does, and the server's own probe."""

POSTGRES_ADMIN, MONGO_ADMIN = "postgres/admin-password", "mongo/admin-password"
POSTGRES_USER, MONGO_ORDER = f"postgres/{USER}-password", f"mongo/{ORDER}-password"
SIGNING_KEY, USERS = "auth/signing-key", "auth/users"

GENERATED = (
    POSTGRES_ADMIN,
    POSTGRES_USER,
    MONGO_ADMIN,
    MONGO_ORDER,
    *(f"redis/{user}-password" for user in REDIS_USERS),
)
"""The parameters that nobody sets or sees."""

NEEDED: Mapping[str, Mapping[str, str]] = {
    AUTH: {"signing-key": SIGNING_KEY, "users": USERS},
    USER: {"postgres-password": POSTGRES_USER},
    CANARY: {"postgres-password": POSTGRES_USER},
    PRODUCT: {"redis-password": f"redis/{PRODUCT}-password"},
    NOTIFICATION: {"redis-password": f"redis/{NOTIFICATION}-password"},
    ORDER: {"mongo-password": MONGO_ORDER},
    POSTGRESQL: {"admin-password": POSTGRES_ADMIN},
    DATABASES: {"admin-password": POSTGRES_ADMIN, f"{USER}-password": POSTGRES_USER},
    MONGODB: {"admin-password": MONGO_ADMIN, f"{ORDER}-password": MONGO_ORDER},
    REDIS: {f"{user}-password": f"redis/{user}-password" for user in REDIS_USERS},
    BACKUP: {"admin-password": POSTGRES_ADMIN, "mongo-password": MONGO_ADMIN},
}
"""Every Secret of the system, by its workload: its keys, and the parameter of each below the system's path."""


@dataclass(frozen=True, kw_only=True)
class ApiKeyDrawn:
    """A key of a consumer's that holds: its text, for its parameter alone, and its SHA-256, which is all that the gateway knows."""

    consumer: str
    name: str
    key: pulumi.Output[str]

    @property
    def parameter(self) -> str:
        return f"api-keys/{self.consumer}/{self.name}"

    @property
    def digest(self) -> pulumi.Output[str]:
        """In hexadecimal; of 256 random bits, it is no secret."""
        return pulumi.Output.unsecret(self.key.apply(digest))


def digest(key: str | None) -> str:
    """Of no key, which is what an update by `--target` has of one that it leaves out, a digest that no text has."""
    return hashlib.sha256(key.encode()).hexdigest() if key else "0" * 64


KEY_LENGTH = 43
"""Of 62 letters and digits: 256 bits. The gateway's script takes no other length."""


def draw_keys(context: Context) -> list[ApiKeyDrawn]:
    """The keys of the settings, each drawn once under its name: another name is another key."""
    return [
        ApiKeyDrawn(
            consumer=consumer,
            name=name,
            key=random.RandomPassword(
                context.names.logical(f"api-key-{consumer}-{name}"), length=KEY_LENGTH, special=False
            ).result,
        )
        for consumer, own in context.settings.api_keys.items()
        for name in own.keys
    ]


def build_secrets(context: Context, settings: Settings, keys: Sequence[ApiKeyDrawn]) -> None:
    """Register the parameters, and a Secret per workload that needs one; whoever is given an API key reads it in its parameter."""
    set_by_people: dict[str, pulumi.Input[str]] = {
        SIGNING_KEY: settings.secret("gateway_lab-signing-key"),
        USERS: settings.secret("gateway_lab-users"),
        # What Alertmanager's routes ask for, by the contract's names.
        "alerts/slack-url": settings.secret("gateway_lab-slack-url"),
        "alerts/mail-password": settings.secret("gateway_lab-mail-password"),
    }
    for_clients = {one.parameter: one.key for one in keys}
    build_parameters(context, {**drawn_passwords(context, GENERATED), **set_by_people, **for_clients})
    fetch_secrets(context, NEEDED, WAVE)
