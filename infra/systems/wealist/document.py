"""wealist.md as data: ports, paths, services, buckets, groups and edges, databases. The package reads them here alone."""

from __future__ import annotations

from infra.components.aws.load_balancer import Forward, ForwardPlain, Refuse, Rule, Target
from infra.components.aws.security_groups import Edge

USER_PORT, BOARD_PORT, MONITORING_PORT = 8080, 8000, 3001
USER_HEALTH = "/api/users/actuator/health"
BOARD_HEALTH = "/api/boards/health"
MONITORING_HEALTH = "/monitoring/api/health"

ENDPOINT_SERVICES = ("ssm", "ssmmessages", "ec2messages")
"""The interface endpoints of §2.1; S3's is a gateway."""

TARGETS = {
    "user": Target(port=USER_PORT, health_path=USER_HEALTH),
    # A board is edited over a WebSocket (/api/boards/api/ws/*): stickiness is the target group's, not a path's, and it
    # brings a client that reconnects back to the instance that still holds its session.
    "board": Target(port=BOARD_PORT, health_path=BOARD_HEALTH, sticky_seconds=3600),
    "monitoring": Target(port=MONITORING_PORT, health_path=MONITORING_HEALTH),
}

ROUTES: tuple[Rule, ...] = (
    Forward(target="user", paths=(USER_HEALTH,)),
    # Spring's other management endpoints are not for the public, however they are spelled.
    Refuse(paths=("/api/users/actuator", "/api/users/actuator/*")),
    ForwardPlain(target="user", below="/api/users/"),
    Forward(target="board", paths=("/api/boards/*",)),
    Forward(target="monitoring", paths=("/monitoring", "/monitoring/*")),
)

SERVICES = {"user-service": "user", "board-service": "board"}
"""The released services and the target group that each is behind (§7)."""

BUCKETS = ("deploy-scripts", "app-resources", "codedeploy-artifacts", "app-artifacts")
"""The buckets of §9, under the bucket prefix."""

SECURITY_EDGES = (
    Edge(source="anywhere", target="alb", port=80, why="Clients, only to be redirected to HTTPS"),
    Edge(source="anywhere", target="alb", port=443, why="Clients"),
    Edge(source="alb", target="ec2", port=USER_PORT, why="User service"),
    Edge(source="alb", target="ec2", port=BOARD_PORT, why="Board service"),
    Edge(source="alb", target="ec2", port=MONITORING_PORT, why="Grafana"),
    Edge(source="ec2", target="rds", port=5432, why="PostgreSQL"),
    Edge(source="ec2", target="redis", port=6379, why="Redis"),
    Edge(source="vpc", target="endpoints", port=443, why="AWS services from within the VPC"),
    Edge(source="ec2", target="anywhere", port=443, why="AWS APIs and endpoints, ECR, Docker Hub, package mirrors"),
)
"""§8, edge by edge. The last one is how private instances reach ECR, Docker Hub and AWS's APIs (§2.3)."""

GROUPS = {
    "alb": "Load balancer",
    "ec2": "Backend and monitoring instances",
    "rds": "PostgreSQL",
    "redis": "Redis",
    "endpoints": "VPC endpoints",
}
"""The five security groups of §8."""

DATABASES = {"user": ("wealist_user_db", "user_service"), "board": ("wealist_board_db", "board_service")}
"""Each service's database and the role that owns it (§5)."""

DATABASE_ZONE = "a"
"""Where a single instance lives (§5); its standby is where AWS puts it."""

MASTER_USERNAME = "wealist_admin"

CACHE_ZONES = ("c", "d")
"""The primary lives in c, the replica in d (§6)."""
