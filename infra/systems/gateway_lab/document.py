"""api-gateway-lab.md as data: its services, its arrows, what its Kong plugins say, and what it wants tried. The package reads them
here alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SYSTEM, HOME = "gateway_lab", "gateway-lab"
"""The document names no namespace: one, of its own name as Kubernetes may spell it."""

AUTH, USER, CANARY, PRODUCT, ORDER, NOTIFICATION = (
    "auth-service",
    "user-service",
    "user-service-v2",
    "product-service",
    "order-service",
    "notification-service",
)
POSTGRESQL, REDIS, MONGODB = "postgresql-lab", "redis-lab", "mongodb-lab"
"""The data layer's three servers; the cluster has a PostgreSQL and a Redis of its own already, and workloads' names are apart."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service of the diagram: the port that it listens on, the paths that lead to it, and the server of its data, if any."""

    name: str
    port: int
    paths: tuple[str, ...]
    data: str | None = None


SERVICES = (
    Service(name=AUTH, port=3004, paths=("/api/v1/auth",)),
    Service(name=USER, port=3001, paths=("/api/v1/users", "/api/v1/admin"), data=POSTGRESQL),
    Service(name=CANARY, port=3001, paths=(), data=POSTGRESQL),
    Service(name=PRODUCT, port=3002, paths=("/api/v1/products",), data=REDIS),
    Service(name=ORDER, port=3003, paths=("/api/v1/orders",), data=MONGODB),
    Service(name=NOTIFICATION, port=3006, paths=("/api/v1/notifications",), data=REDIS),
)
"""Ports 3001 and 3004 are the document's; the others are read into it, beside 3005, where its canary is seen from outside."""

DATA_PORTS = {POSTGRESQL: 5432, REDIS: 6379, MONGODB: 27017}

LOGIN, VERIFY = "/api/v1/auth/login", "/api/v1/auth/verify"
"""Step 1-1's two endpoints, below the gateway's prefix. Logging in is the one thing for which nobody has a token yet."""

ADMIN = "/api/v1/admin"
"""What the admin dashboard calls, at the user service: for the role `admin`, from listed addresses."""

CACHED = "/api/v1/products"
"""The answers that may be kept: products are the same for everybody. The arrow "Product Service → Redis Cache" says where."""

ROLES = ("admin", "user")
"""The users' roles, a claim of their tokens (Step 1-1)."""

CLAIMS = ("userId", "username", "role")
"""What the auth service writes into a token (Step 1-1)."""

TOKEN_SECONDS = 3600
"""`expiresIn: '1h'`."""

WEIGHTS = {"v1": 80, "v2": 20}
"""Step 3-1: `weight=80`, `weight=20`."""

PER_MINUTE, PER_HOUR = 100, 1000
CORS_METHODS = ("GET", "POST", "PUT", "DELETE")
CORS_HEADERS = ("Accept", "Authorization", "Content-Type", "X-Requested-With")
"""Step 3-2. Its `origins=*` is narrowed to the pages that settings name."""

TIMEOUT_MILLISECONDS, RETRIES = 5000, 3
"""Step 4-2: connect, read and write; `X-Retry-Count:3`."""

UNAVAILABLE_STATUS, UNAVAILABLE_MESSAGE = 503, "Service Unavailable"
HEALTHY_SHARE = 0.5
"""Step 4-1: what is answered when a service is gone, and the `threshold` of an upstream's health."""


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A workload calls another on a TCP port."""

    source: str
    target: str
    port: int
    why: str


ARROWS = (
    *(Arrow(source="gateway", target=one.name, port=one.port, why="clients") for one in SERVICES),
    *(
        Arrow(source=one.name, target=one.data, port=DATA_PORTS[one.data], why="its data")
        for one in SERVICES
        if one.data is not None
    ),
)
"""The diagram's arrows between the gateway, the services and the data layer; the canary's to its data is read into it."""

PLUGINS: Mapping[str, Mapping[str, object]] = {
    "jwt": {"secret_is_base64": False},
    "rate-limiting": {"minute": PER_MINUTE, "hour": PER_HOUR},
    "cors": {"origins": "*", "methods": CORS_METHODS, "headers": CORS_HEADERS},
    "upstream targets": WEIGHTS,
    "request-termination": {"status_code": UNAVAILABLE_STATUS, "message": UNAVAILABLE_MESSAGE},
    "upstream health": {"threshold": HEALTHY_SHARE},
    "request-transformer": {"X-Retry-Count": RETRIES},
    "service timeouts": {"connect": TIMEOUT_MILLISECONDS, "write": TIMEOUT_MILLISECONDS, "read": TIMEOUT_MILLISECONDS},
    "zipkin": {"http_endpoint": "http://jaeger:9411/api/v1/spans"},
    "prometheus": {"scrape_interval": "15s"},
    "key-auth": {},
    "ip-restriction": {},
    "request-size-limiting": {},
    "proxy-cache": {},
}
"""Every plugin, upstream and target that the document sets on Kong, and those that its extra challenges ask for."""

CHECKPOINTS: Mapping[str, Sequence[str]] = {
    "security": (
        "JWT 토큰 생성 및 검증 동작",
        "Rate Limiting 정책 적용 확인",
        "CORS 정책 동작 검증",
        "인증 없는 요청 차단 확인",
    ),
    "monitoring": (
        "Prometheus 메트릭 수집 동작",
        "Grafana 대시보드 접근 가능",
        "서비스별 메트릭 시각화",
        "알림 규칙 동작 확인",
    ),
    "performance": (
        "로드밸런싱 가중치 동작",
        "카나리 배포 트래픽 분산",
        "헬스체크 기반 자동 복구",
        "서킷 브레이커 동작 확인",
    ),
    "recovery": (
        "서비스 다운 시 자동 failover",
        "재시도 정책 동작",
        "타임아웃 설정 적용",
        "분산 추적 데이터 수집",
    ),
}
""""실습 체크포인트", box by box."""

CHALLENGES: Mapping[str, Sequence[str]] = {
    "security": ("mTLS 구현", "API 키 관리", "IP 화이트리스트", "요청 크기 제한"),
    "performance": ("캐싱 전략", "압축 설정", "연결 풀링", "CDN 연동"),
    "monitoring": ("커스텀 메트릭", "알림 규칙", "대시보드 커스터마이징", "로그 분석"),
}
""""추가 도전 과제", one by one."""
