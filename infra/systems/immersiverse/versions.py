"""Images of the data layer, and Kafka's release."""

from __future__ import annotations

_LIBRARY = "public.ecr.aws/docker/library"

POSTGRES_IMAGE = (
    f"{_LIBRARY}/postgres:17.10-bookworm@sha256:a37f62b259d97a1cdee2f0c3e14c3c28e8df80aa4c91af1faf63392cecbee138"
)
REDIS_IMAGE = f"{_LIBRARY}/redis:7.4.9-bookworm@sha256:68d5960737091a28de5759e5a2624d26e60f59f704d9e3ef9f609bbf969add9c"

AWS_CLI_IMAGE = (
    "public.ecr.aws/aws-cli/aws-cli:2.36.46@sha256:696ad2e7f8aac020bbbeaa511713cc844131ce593b275fdb101285ab02f6cbca"
)
"""What uploads dumps."""

KAFKA, KAFKA_METADATA = "4.3.1", "4.3-IV0"
"""The default of Strimzi 1.2.0 (strimzi-kafka-operator, kafka-versions.yaml, 2026-11-28)."""
