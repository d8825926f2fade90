"""The `exchange` section: what its document leaves open."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.eco2 import Label
from infra.settings.model import BucketPrefix, Section

SERVICES = ("svc-trading-api", "svc-wallet", "svc-risk-control")
"""The services whose images the stack runs (svc-gateway.md: Outbound)."""


def _not_latest(release: str) -> str:
    if release.startswith("latest@"):
        raise ValueError("allowed: the tag of a release; `latest` says nothing about what runs")
    return release


SLACK_URL = "exchange-slack-url"
SECRETS = (SLACK_URL,)
"""Secrets that people set: the incoming webhook of the Slack channel for alerts."""

ImageRelease = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}@sha256:[0-9a-f]{64}$"),
    AfterValidator(_not_latest),
]


class Scale(Section):
    """How many pods each service has."""

    minimum: Annotated[int, Field(ge=2, le=50)] = 2
    """The fewest: one may be away, by a node or a roll-out, and the service is not."""
    maximum: Annotated[int, Field(ge=2, le=50)] = 6
    """The most."""
    cpu_percent: Annotated[int, Field(ge=20, le=90)] = 70
    """How much of the CPU that it asks for the average pod may use before there is another."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}: allowed: minimum ≤ maximum")
        return self


class Audit(Section):
    """What the services write down of orders, withdrawals and decisions, in S3: once, and locked."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 1825
    """How long a record is kept."""
    lock: Literal["governance", "compliance"] = "governance"
    """Who deletes one earlier: `governance`: holders of `s3:BypassGovernanceRetention`, no role here; `compliance`: nobody."""


class Exchange(Section):
    """The exchange's front door (svc-gateway.md), a tenant of eco2's cluster."""

    host_label: Label = "exchange"
    """Its host, under eco2's domain."""
    bucket_prefix: BucketPrefix
    """What the buckets' names start with: they are unique in all of AWS."""
    images: dict[Label, ImageRelease]
    """The release of each service's image: its tag, and its content by digest. Nodes run this content and no other."""
    runbooks: Annotated[str, Field(pattern=r"^https://[\w.-]+/[\w./-]*[\w-]$")]
    """The URL of the folder with the runbooks, into which the alerts' links lead."""
    slack_channel: Annotated[str, Field(pattern=r"^#[a-z0-9_-]{1,80}$")] = "#exchange-alerts"
    """Where the alerts of its SLOs go; the webhook's URL is the secret `exchange-slack-url`."""
    scale: Scale = Scale()
    audit: Audit = Audit()

    @model_validator(mode="after")
    def _every_service_has_a_release(self) -> Self:
        if set(self.images) != set(SERVICES):
            raise ValueError(
                f"images has {', '.join(self.images) or 'none'}: allowed: {', '.join(SERVICES)}, each once"
            )
        return self
