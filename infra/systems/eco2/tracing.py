"""Where the mesh's proxies send their spans, once a tenant needs traces."""

from __future__ import annotations

from collections.abc import Sequence

from infra.components.mesh.mesh_config import SpanCollector
from infra.contract import Spans, Tenant
from infra.needs import Traces

NAMESPACE, NAME, OTLP = "tracing", "otel-collector", 4317
"""The collector's namespace and Service, and its port for OTLP over gRPC."""

PROVIDER = "otel"
"""What a Telemetry names it by."""

HOST = f"{NAME}.{NAMESPACE}.svc.cluster.local"


def collector(tenants: Sequence[Tenant]) -> SpanCollector | None:
    """The provider of the mesh's configuration; None when nobody asks for it."""
    if any(isinstance(need, Traces) for tenant in tenants for need in tenant.needs):
        return SpanCollector(name=PROVIDER, service=HOST, port=OTLP)
    return None


def spans(tenant: Tenant) -> Spans | None:
    """What the contract says to a tenant that needs traces."""
    if collector([tenant]) is None:
        return None
    return Spans(provider=PROVIDER, host=HOST, port=OTLP, visible=f"{NAMESPACE}/{HOST}")
