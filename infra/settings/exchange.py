"""The `exchange` section: what its document leaves open."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.eco2 import Label
from infra.settings.exchange_failover import Failover
from infra.settings.model import BucketPrefix, Section
from infra.settings.rollout import Release

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


P256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"
"""What every public key of the curve P-256 begins with (RFC 5480: its type, its curve, an uncompressed point)."""

SignerKey = Annotated[
    str,
    Field(pattern=rf"^-----BEGIN PUBLIC KEY-----\n{P256}[A-Za-z0-9+/\n]{{86,92}}==\n-----END PUBLIC KEY-----\n?$"),
]
"""A public key of the curve P-256, as `cosign generate-key-pair` and `cosign public-key --key awskms:///…` write it."""

Https = Annotated[str, Field(pattern=r"^https://[^\s*]+$")]
Scope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]+$")]
"""A word of OAuth's `scope` (RFC 6749, 3.3)."""

Requests = Annotated[int, Field(ge=1, le=1_000_000)]


class Tokens(Section):
    """Whose tokens open the front door (svc-gateway.md: RequestAuthentication, AuthorizationPolicy on aud and scope)."""

    issuer: Https
    """The tokens' `iss`, letter by letter."""
    audiences: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    """Of these `aud` a token has at least one."""
    jwks_uri: Https
    """Where the issuer publishes its keys. istiod fetches them, and again every 20 minutes."""


class Route(Section):
    """What one of the three prefixes asks of a token, and how much and how long it serves."""

    read_scope: Scope
    """The word of the token's `scope` that opens GET and HEAD."""
    write_scope: Scope
    """The word that opens POST, PUT, PATCH and DELETE."""
    timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 5
    """How long an answer may take with all its repetitions."""
    read_attempts: Annotated[int, Field(ge=0, le=4)] = 2
    """How often a GET or HEAD that failed (502, 503, 504, no answer) is sent again."""
    idempotent_writes: bool = False
    """Whether the service answers a request with an `Idempotency-Key` that it has seen as it did: those are sent again too."""
    user_requests: Requests = 600
    """How many requests a user, by the token's `sub`, may send in each window."""
    address_requests: Requests = 1200
    """How many an address may send in it, whoever its users are."""
    window: Literal["second", "minute", "hour", "day"] = "minute"
    """The window of both, of the calendar (UTC)."""
    without_limiter: Literal["refuse", "let pass"] = "let pass"
    """While the rate-limit service does not answer: 503, or without these limits; the bursts hold all the same."""


class Bursts(Section):
    """What each address may send before anything is judged, by the gateway's own memory."""

    per_second: Annotated[int, Field(ge=1, le=10_000)] = 50
    """On the whole."""
    at_once: Annotated[int, Field(ge=1, le=10_000)] = 200
    """At once."""

    @model_validator(mode="after")
    def _holds_a_second(self) -> Self:
        if self.at_once < self.per_second:
            raise ValueError(f"at_once {self.at_once} is below per_second {self.per_second}: allowed: at least as many")
        return self


class Resilience(Section):
    """How the gateway calls a service (svc-gateway.md: Retry / Timeout, Circuit Breaker / Outlier Detection)."""

    connections: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Connections to a service; what exceeds this or the next two is answered 503 at once: the circuit breaker."""
    pending: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Requests that wait for a connection."""
    requests: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Requests under way."""
    retries_percent: Annotated[int, Field(ge=1, le=100)] = 20
    """Of the requests under way so many may be repetitions."""
    ejected_after: Annotated[int, Field(ge=1, le=100)] = 5
    """So many 5xx in a row set a pod aside."""
    looked_at_every_seconds: Annotated[int, Field(ge=1, le=60)] = 10
    """How often it is looked whether a pod is to be set aside or comes back."""
    ejected_for_seconds: Annotated[int, Field(ge=1, le=600)] = 30
    """For how long, times how often it went."""
    nearest_zone_first: bool = False
    """Whether the gateway's zone is preferred, and the others take over when its pods fail. The gateway is in one zone: a pod there
    would have all the load that others could share."""


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
    image_signers: Annotated[dict[Label, SignerKey], Field(min_length=1, max_length=3)]
    """The keys by which the services' pipelines sign their images (`cosign sign --key`), by name: the public halves. An image that
    none of them signed is not deployed, and Kyverno lets no pod have it. To change a key: both are here until all images have the
    new one's."""
    runbooks: Annotated[str, Field(pattern=r"^https://[\w.-]+/[\w./-]*[\w-]$")]
    """The URL of the folder with the runbooks, into which the alerts' links lead."""
    slack_channel: Annotated[str, Field(pattern=r"^#[a-z0-9_-]{1,80}$")] = "#exchange-alerts"
    """Where the alerts of its SLOs go; the webhook's URL is the secret `exchange-slack-url`."""
    tokens: Tokens
    trading: Route = Route(read_scope="trade:read", write_scope="trade:write")
    wallet: Route = Route(
        read_scope="wallet:read",
        write_scope="wallet:write",
        user_requests=60,
        address_requests=120,
        without_limiter="refuse",
    )
    risk: Route = Route(read_scope="risk:read", write_scope="risk:write")
    bursts: Bursts = Bursts()
    resilience: Resilience = Resilience()
    failover: Failover = Failover()
    scale: Scale = Scale()
    release: Release = Release()
    audit: Audit = Audit()

    experiments: bool = False
    """Whether Chaos Mesh may disturb its pods; not in a production stack, for its daemon is privileged on the tenants' nodes."""

    @model_validator(mode="after")
    def _every_service_has_a_release(self) -> Self:
        if set(self.images) != set(SERVICES):
            raise ValueError(
                f"images has {', '.join(self.images) or 'none'}: allowed: {', '.join(SERVICES)}, each once"
            )
        return self
