"""svc-gateway.md as data: routes, services, waves, and the SLO table. The package reads them here alone."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "gateway"
""""Application Resource들은 gateway Namespace에 존재합니다": the one namespace that the document names for them."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """An internal service: the prefix that the front door passes on to it, and what for."""

    name: str
    prefix: str
    purpose: str

    @property
    def host(self) -> str:
        """The name of its Service."""
        return f"{self.name}.{NAMESPACE}.svc.cluster.local"

    @property
    def paths(self) -> tuple[str, str]:
        """Its prefix, and what is below it, as Istio's policies write them."""
        return (self.prefix, f"{self.prefix}/*")


SERVICES = (
    Service(name="svc-trading-api", prefix="/api/v1/trade", purpose="Order Handling"),
    Service(name="svc-wallet", prefix="/api/v1/wallet", purpose="Deposit / Withdraw"),
    Service(name="svc-risk-control", prefix="/api/v1/risk", purpose="Risk Evaluation"),
)
"""The routing rules of "역할과 흐름", step 4."""

SECURITY_HEADERS = ("strict-transport-security", "content-security-policy", "referrer-policy")
""""EnvoyFilter Security Header Injection (HSTS, CSP, Referrer-Policy)"."""

PORT = 8080
"""The document names none."""

HEALTH, LIVENESS, READINESS = "/health", "/live", "/ready"
""""Health / Liveness / Readiness Probe": a pod's start, life and readiness. No route leads there."""

EDGE_HEALTH = "/health"
"""What Route 53 asks: the gateway itself answers, and no service is reached."""

GATEWAY_WAVE = 10
""""Sync-Wave 10 단계에서 배포"."""

SERVICES_WAVE = 20
""""모든 내부 Service보다 먼저": the services' turn is after the gateway's. The document gives it no number."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A row of the SLO table. `budget` is the share of what is counted that may be bad, read from the target."""

    slo: str
    row: str
    target: str
    budget: float


LATENCY_MS = 500
OBJECTIVES = (
    Objective(slo="latency", row="P95 Latency", target="≤ 500ms", budget=0.05),
    Objective(slo="errors", row="Error-Rate (5xx)", target="≤ 2%", budget=0.02),
    Objective(slo="availability", row="Availability", target="≥ 99.99%", budget=0.0001),
    Objective(slo="jwt", row="JWT Validation Fail-Rate", target="≤ 0.1%", budget=0.001),
    Objective(slo="limited", row="Rate-Limit Response (429)", target="≤ 3%", budget=0.03),
)
""""운영 SLO". A P95 of at most 500 ms: of a hundred requests five may take longer."""
