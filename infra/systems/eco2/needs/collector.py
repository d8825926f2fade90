"""What both of OpenTelemetry's collectors have in common: that of spans, and the shipper of logs."""

from __future__ import annotations

from infra.systems.eco2.parts import Values

METRICS = 8888
HEALTH: Values = {"endpoint": "${env:MY_POD_IP}:13133"}
MEMORY: Values = {"check_interval": "1s", "limit_percentage": 75, "spike_limit_percentage": 20}
"""Of the container's limit: what comes above it is refused, so that nobody ends the collector by sending more."""

OWN_METRICS: Values = {
    "metrics": {
        "readers": [{"pull": {"exporter": {"prometheus": {"host": "${env:MY_POD_IP}", "port": METRICS}}}}],
    }
}

_PORTS = ("otlp", "otlp-http", "jaeger-compact", "jaeger-thrift", "jaeger-grpc", "zipkin")


def ports(*kept: str) -> Values:
    """Of the ports that the chart would open, those that are kept, and the metrics'."""
    return {"metrics": {"enabled": True}, **{one: {"enabled": one in kept} for one in _PORTS}}
