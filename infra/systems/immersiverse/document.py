"""immersiverse-auth.md as data: methods, events, platforms, limits, and who may reach whom. The package reads them here alone."""

from __future__ import annotations

from dataclasses import dataclass

SYSTEM = HOME = "immersiverse"

AUTH = "immersiverse-auth"
"""The Auth Service. Names of workloads are the cluster's, so they say whose they are."""
POSTGRES, REDIS = "immersiverse-postgresql", "immersiverse-redis"
DATABASES, BACKUP = "immersiverse-databases", "immersiverse-backup"
"""The jobs that make the database, and copies of it."""
WEBHOOK = "immersiverse-webhook"
"""The Webhook Service that §4.2 foresees."""
VALIDATORS = ("user-profile-service", "analytics-service")
"""§2.2, §3.2: the services that the document names beside Auth Service. They ask whose a token is, and read events."""

GRPC_PORT, METRICS_PORT, WEBHOOK_PORT = 50051, 9090, 8080
POSTGRES_PORT, REDIS_PORT = 5432, 6379
"""The document names no port."""

GRPC_SERVICE = "immersiverse.auth.v1.AuthService"
PREFIX = "/auth"
"""§2.1: "클라이언트는 HTTP/JSON 형태로 `/auth/...` 엔드포인트를 호출"."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of the Auth Service (§2.1, §5): its path in REST, by the proto of services/auth, and whether clients may call it."""

    name: str
    path: str
    public: bool

    @property
    def grpc_path(self) -> str:
        return f"/{GRPC_SERVICE}/{self.name}"


METHODS = (
    Method(name="CreateUser", path="/auth/users", public=True),
    Method(name="Login", path="/auth/login", public=True),
    Method(name="ValidateToken", path="/auth/token/validate", public=False),
    Method(name="ConnectPlatformAccount", path="/auth/platforms/*/accounts", public=True),
)
VALIDATE = "ValidateToken"

PUBLIC_PATHS = ("/auth/users", "/auth/login", "/auth/platforms/*")
"""What the gateway lets through at all: a policy's pattern has its star at an end."""

WEBHOOKS = "/auth/webhooks"
"""§4.2, in the time to come: closed until a stack opens it."""

STATUS_CODES = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""§7.1 names four and "…": the rest as google.rpc.Code says them."""

LOGIN_TRIES, LOGIN_WINDOW_SECONDS = 5, 60
"""§6.2: "로그인 시도 5회/분 초과 시 잠금"."""

USER_CREATED, LOGIN_SUCCEEDED, PLATFORM_CONNECTED = (
    f"auth.events.{event}" for event in ("user_created", "login_succeeded", "platform_connected")
)
"""§3.1."""
AUTH_TOPICS = (USER_CREATED, LOGIN_SUCCEEDED, PLATFORM_CONNECTED)
USER_DEACTIVATED = "user.events.user_deactivated"
"""§3.2: the events by which tokens are blacklisted, "사용자 삭제/정지". The document names no topic."""

AUTH_USER, AUTH_GROUP = "auth-service", "auth-service.token-blacklist"


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A service of the document's that reads events in one group of its own, and what it sends itself."""

    name: str
    group: str
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()


CONSUMERS = (
    Consumer(
        name="user-profile-service",
        group="user-profile-service.auth-events",
        reads=(USER_CREATED, PLATFORM_CONNECTED),
        writes=(USER_DEACTIVATED,),
    ),
    Consumer(name="analytics-service", group="analytics-service.auth-events", reads=AUTH_TOPICS),
)
"""§3.2 names both services; which events each reads is read into the document from what they are for."""


@dataclass(frozen=True, kw_only=True)
class StreamingPlatform:
    """A streaming platform's OAuth (§4.1): where codes are traded, who says whose a token is, and where its answer has the id.

    `posts`: the token goes into a form instead of a header. `id_pattern`: the field has a text, in which the group is the id.
    Sources: docs/systems/immersiverse.md.
    """

    name: str
    token_url: str
    user_url: str
    id_field: str
    id_pattern: str = ""
    posts: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(url.split("/")[2] for url in (self.token_url, self.user_url)))


PLATFORMS = (
    StreamingPlatform(
        name="twitch",
        token_url="https://id.twitch.tv/oauth2/token",  # noqa: S106 - a URL
        user_url="https://api.twitch.tv/helix/users",
        id_field="data.0.id",
    ),
    StreamingPlatform(
        name="youtube",
        token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - a URL
        user_url="https://youtube.googleapis.com/youtube/v3/channels?part=id&mine=true",
        id_field="items.0.id",
    ),
    StreamingPlatform(
        name="facebook",
        token_url="https://graph.facebook.com/v22.0/oauth/access_token",  # noqa: S106 - a URL
        user_url="https://graph.facebook.com/v22.0/me?fields=id",
        id_field="id",
    ),
    StreamingPlatform(
        name="afreeca",
        token_url="https://openapi.sooplive.com/auth/token",  # noqa: S106 - a URL
        user_url="https://openapi.sooplive.com/user/stationinfo",
        id_field="data.profile_image",
        id_pattern=r"^https?://profile\.img\.sooplive\.com/LOGO/[^/]{2}/[^/]+/([A-Za-z0-9]+)\.[a-z]+$",
        posts=True,
    ),
)
"""Afreeca is SOOP since 2024, and its API's host with it. Its answer has a nickname, which users choose, and no id: that is in the
address of their picture alone."""

KAFKA = "kafka"
ENTITY_OPERATOR, EXPORTER = "entity-operator", "kafka-exporter"
"""The workloads' names that Strimzi gives its pods."""
