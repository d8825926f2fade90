"""The `gateway_lab` section: what its document leaves open, with the document's values as defaults."""

from __future__ import annotations

import ssl
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.settings.eco2 import Label, VolumeGib
from infra.settings.images import ImageRelease, check_releases
from infra.settings.model import BucketPrefix, Section
from infra.settings.rollout import Release

IMAGES = (
    "auth-service",
    "user-service",
    "user-service-v2",
    "product-service",
    "order-service",
    "notification-service",
)
"""The releases of the document's services; both of the user service are of one repository."""

MODULUS_BYTES = 256
"""RFC 7518, 3.3: a key of RS256 has 2048 bits or more."""


def _addresses(text: str) -> str:
    try:
        block = ip_network(text)
    except ValueError as error:
        raise ValueError(f"not a block of addresses such as 203.0.113.0/24 ({error})") from None
    if block.prefixlen < (8 if block.version == 4 else 24):
        raise ValueError("allowed: a block that is somebody's: /8 or longer of IPv4, /24 or longer of IPv6")
    return text


AddressBlock = Annotated[str, AfterValidator(_addresses)]
KeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Modulus = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{342,1366}$")]
"""Of an RSA key, in base64url: 256 bytes are 342 characters."""
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Origin = Annotated[str, Field(pattern=r"^(\*|https://([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(:\d{2,5})?)$")]


class Weights(Section):
    """How the user service's requests are shared out (Step 3-1)."""

    v1: Annotated[int, Field(ge=0, le=100)] = 80
    """Percent of the requests for the release that everybody knows."""
    v2: Annotated[int, Field(ge=0, le=100)] = 20
    """Percent for the canary."""
    stay_seconds: Annotated[int, Field(ge=0, le=604_800)] = 0
    """How long a client keeps the version that it first got; 0: each request is shared out anew."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.v1 + self.v2 != 100:
            raise ValueError(f"v1 {self.v1} and v2 {self.v2} are {self.v1 + self.v2} percent: allowed: 100 together")
        return self


class Tokens(Section):
    """Whose tokens open the gateway (Step 1)."""

    issuer: Annotated[str, Field(pattern=r"^https://[\w.-]+(/[\w./-]*)?$")]
    """Their `iss`, which the auth service writes."""
    audience: Annotated[str, Field(pattern=r"^[\w.:/-]{1,128}$")] = "gateway-lab"
    """Their `aud`."""
    keys: Annotated[dict[KeyId, Modulus], Field(min_length=1, max_length=3)]
    """The public RSA keys that they may be signed with (RS256), by `kid`: the modulus in base64url, with the exponent 65537."""


class ApiKey(Section):
    """A client that has no token, such as another company's program: which keys of its hold, and what they open."""

    keys: Annotated[list[Label], Field(min_length=1, max_length=2)]
    """Names of its keys that hold, such as `2026-11`: two while it changes one for the other. A name is never used again: what is
    taken out is revoked, and a new name is a new key."""
    services: Annotated[
        list[Literal["user-service", "product-service", "order-service", "notification-service"]], Field(min_length=1)
    ]
    """The services that it may call; never what is for admins."""
    writes: bool = False
    """Whether it may do more than read."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        for what, named in (("keys", self.keys), ("services", self.services)):
            if len({*named}) < len(named):
                raise ValueError(f"{what} {', '.join(named)}: allowed: each once")
        return self


class Limits(Section):
    """How much one consumer may ask (Step 3-2), and how much in one request."""

    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Requests per consumer and minute."""
    per_hour: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    """Requests per consumer and hour."""
    logins_per_minute: Annotated[int, Field(ge=1, le=1000)] = 10
    """Attempts to log in per address and minute."""
    request_kib: Annotated[int, Field(ge=1, le=102_400)] = 1024
    """The greatest body of a request."""

    @model_validator(mode="after")
    def _both_bind(self) -> Self:
        if not self.per_minute < self.per_hour < self.per_minute * 60:
            raise ValueError(
                f"per_minute {self.per_minute} and per_hour {self.per_hour}: allowed: an hour's limit above a minute's and below "
                "sixty of them, so that both bind"
            )
        return self


class Cors(Section):
    """Which pages may call the gateway from a browser (Step 3-2)."""

    origins: Annotated[list[Origin], Field(min_length=1)] = ["*"]
    """Pages that may read answers; `*`, alone, is any page, which then needs a token: browsers add none by themselves."""

    @model_validator(mode="after")
    def _any_stands_alone(self) -> Self:
        if "*" in self.origins and len(self.origins) > 1:
            raise ValueError("origins has * beside others: allowed: * alone, or origins by name")
        return self


def _authorities(text: str) -> str:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise ValueError(f"no certificates in PEM ({error.reason or error})") from None
    if "PRIVATE KEY" in text or not context.get_ca_certs():
        raise ValueError(
            "allowed: certificates of authorities in PEM (CA:TRUE), and no key: it belongs in no stack file"
        )
    return text


class ClientCertificates(Section):
    """Who may even connect: clients with a certificate (mTLS), which the load balancer verifies."""

    authorities: Annotated[str, AfterValidator(_authorities)]
    """Certificates (PEM) of the authorities that may have signed theirs."""
    port: Literal[8443] = 8443
    """The port that the host then has, and the only one: whose certificate is asked for is one answer for all hosts of a port."""


class Failure(Section):
    """When a service counts as failing (Step 4)."""

    consecutive_errors: Annotated[int, Field(ge=1, le=100)] = 5
    """After so many errors in a row a pod is set aside, half of a service's pods at most."""
    ejection_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """For how long, times how often it was."""
    concurrent_requests: Annotated[int, Field(ge=1, le=10_000)] = 100
    """What may be under way to a service from one gateway; the circuit breaker answers 503 to what is beyond."""
    retry_percent: Annotated[int, Field(ge=1, le=100)] = 20
    """Retries under way, of all requests under way: what is failing is not asked four times as much."""


class Cache(Section):
    """What keeps the product service's answers, where they say that they may be kept (extra challenge: "캐싱 전략")."""

    mib: Annotated[int, Field(ge=16, le=1024)] = 64
    """Memory for them in each pod; what was asked for least lately goes first."""
    most_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """The longest that an answer is kept, whatever it says of itself: a purge that was missed is over by then."""


class Admin(Section):
    """Who reaches the admin surface: tokens whose role is `admin`, from these addresses alone."""

    addresses: Annotated[list[AddressBlock], Field(min_length=1, max_length=50)]
    """Blocks of addresses, as the load balancer sees them."""


class Mail(Section):
    """Alerts by mail."""

    to: Annotated[list[Address], Field(min_length=1)]
    """Who gets them."""
    sender: Address
    """Whom they are from."""
    relay: Annotated[str, Field(pattern=r"^[a-z0-9.-]+:\d{2,5}$")]
    """A relay that takes mail over STARTTLS, `<host>:<port>`."""
    user: Annotated[str, Field(min_length=1)]
    """Who logs in there, with the secret `gateway_lab-mail-password`."""


class Alerts(Section):
    """Who is told of alerts (extra challenge: Slack and e-mail)."""

    slack_channel: Annotated[str, Field(pattern=r"^#[a-z0-9_-]{1,79}$")] = "#gateway-lab"
    """The channel that the webhook in `gateway_lab-slack-url` writes to."""
    mail: Mail


class Traces(Section):
    """Which requests can be looked at whole (Step "분산 추적")."""

    percent: Annotated[float, Field(gt=0, le=100)] = 5.0
    """Share of the requests; the gateway, which all systems share, keeps the most that any of them asks for."""
    days: Annotated[int, Field(ge=1, le=90)] = 7
    """How long they are kept."""


class DataVolumes(Section):
    """The persistent volumes of the data layer."""

    postgres_gib: VolumeGib = 20
    """PostgreSQL's, for the user service."""
    redis_gib: VolumeGib = 8
    """Redis', for products and notifications."""
    mongo_gib: VolumeGib = 20
    """MongoDB's, for orders."""


class GatewayLab(Section):
    """The API gateway of the lab (api-gateway-lab.md), a tenant of eco2's cluster."""

    bucket_prefix: BucketPrefix
    """What the buckets' names start with: they are unique in all of AWS."""
    label: Label = "lab"
    """The gateway's host, below eco2's domain."""
    site: Label | None = None
    """The host of the web client's files, below eco2's domain, behind CloudFront; null: there is none."""
    images: Annotated[dict[Label, ImageRelease], Field(min_length=1)]
    """The release of each service's image, `<tag>@<digest>`; `user-service-v2` is the canary's, of `user-service`."""
    weights: Weights = Weights()
    release: Release = Release()
    tokens: Tokens
    api_keys: dict[Label, ApiKey] = {}
    """Clients that have no token, by their names; each one's keys are drawn, and are parameters below `api-keys/`."""
    client_certificates: ClientCertificates | None = None
    """Whether clients show a certificate; null: a token or an API key is enough."""
    admin: Admin
    limits: Limits = Limits()
    cors: Cors = Cors()
    failure: Failure = Failure()
    cache: Cache = Cache()
    timeout_seconds: Annotated[int, Field(ge=1, le=60)] = 5
    """How long connecting, and a whole answer, may take (Step 4-2)."""
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    """How often a request that may safely be sent again is (Step 4-2)."""
    alerts: Alerts
    traces: Traces = Traces()
    log_days: Annotated[int, Field(ge=1, le=365)] = 30
    """How long lines of the access log and of the services are kept and searched."""
    replicas: Annotated[int, Field(ge=1, le=10)] = 2
    """Pods of each service: with one alone nothing can take over."""
    volumes: DataVolumes = DataVolumes()
    backup_retention_days: Annotated[int, Field(ge=1, le=365)] = 7
    """How long dumps of the databases are kept."""

    @model_validator(mode="after")
    def _the_site_is_elsewhere(self) -> Self:
        if self.site == self.label:
            raise ValueError(
                f"site and label are both {self.label}: allowed: two hosts, one for files and one for the gateway"
            )
        return self

    @model_validator(mode="after")
    def _every_image_has_a_release(self) -> Self:
        check_releases(self.images, IMAGES)
        return self


SECRETS = (
    "gateway_lab-signing-key",
    "gateway_lab-users",
    "gateway_lab-slack-url",
    "gateway_lab-mail-password",
)
"""Secrets that people set: the RSA key (PEM) whose public half is in `tokens.keys`; who may log in: a JSON object of names to
`{"password": <bcrypt>, "role": "admin" or "user"}`; Slack's incoming webhook; the mail relay's password. Others are made."""
