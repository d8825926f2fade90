"""The `immersiverse` section: what its document leaves open."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.settings.eco2 import Label, VolumeGib
from infra.settings.images import ImageRelease
from infra.settings.model import BucketPrefix, Section

StreamingPlatform = Literal["twitch", "youtube", "facebook", "afreeca"]


class Kafka(Section):
    """The brokers (§3.3)."""

    brokers: Annotated[int, Field(ge=3, le=9)] = 3
    """How many brokers: each record is on three of them, and two have it before it counts as written."""
    broker_gib: VolumeGib = 20
    """Each broker's volume."""
    controller_gib: VolumeGib = 8
    """Each of the three controllers' volume."""
    partitions: Annotated[int, Field(ge=1, le=100)] = 6
    """Each topic's partitions: as many consumers of a group read side by side. It can be raised, never lowered."""
    retention_days: Annotated[int, Field(ge=1, le=365)] = 7
    """How long events are kept, and what is tried again."""
    dead_letter_days: Annotated[int, Field(ge=1, le=365)] = 30
    """How long dead letters are kept for somebody to look at them."""


class Tracing(Section):
    """What of requests becomes a trace (§8)."""

    percent: Annotated[float, Field(gt=0, le=100)] = 5.0
    """Of the requests that come without a decision, so many are sampled at the gateway."""
    days: Annotated[int, Field(ge=1, le=90)] = 7
    """How long traces are kept."""


class Limits(Section):
    """What one address may ask of the gateway (§6.1); logins are counted beside it, five a minute (§6.2)."""

    per_minute: Annotated[int, Field(ge=1, le=100_000)] = 120
    """Requests in a minute."""
    per_second: Annotated[int, Field(ge=1, le=1000)] = 10
    """Requests in a second, on the whole, to each of the gateway's pods."""
    burst: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Requests at once."""

    @model_validator(mode="after")
    def _holds_a_second(self) -> Self:
        if self.burst < self.per_second:
            raise ValueError(f"burst {self.burst} is below per_second {self.per_second}: allowed: burst ≥ per_second")
        return self


class Immersiverse(Section):
    """The Auth Service and what it talks to (immersiverse-auth.md), a tenant of eco2's cluster."""

    bucket_prefix: BucketPrefix
    """What the bucket's name starts with: it is unique in all of AWS."""
    label: Label = "immersiverse"
    """The API's host, below eco2's domain."""
    image: ImageRelease
    """The release of the Auth Service, `<tag>@<digest>`: nodes run what the digest says."""
    replicas: Annotated[int, Field(ge=2, le=10)] = 2
    """Pods of the Auth Service."""
    token_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    """How long an access token is good for."""
    callback: Annotated[str, Field(pattern=r"^https://[\w.-]+(/[\w./-]*)?$")]
    """The page of the client that platforms send authorization codes to, as it is registered with each: `redirect_uri`."""
    webhooks: list[StreamingPlatform] = []
    """The platforms that may call `/auth/webhooks/<platform>` (§4.2): none until the Webhook Service is there."""
    kafka: Kafka = Kafka()
    tracing: Tracing = Tracing()
    limits: Limits = Limits()
    postgres_gib: VolumeGib = 20
    """PostgreSQL's volume."""
    redis_gib: VolumeGib = 8
    """Redis' volume."""
    backup_retention_days: Annotated[int, Field(ge=1, le=365)] = 7
    """How long dumps of the database are kept."""


SECRETS = tuple(
    f"immersiverse-{platform}-client-{part}"
    for platform in ("twitch", "youtube", "facebook", "afreeca")
    for part in ("id", "secret")
)
"""Secrets that people set: the OAuth clients of the four platforms (§4.1). Every other secret is generated."""
