"""The images of the data layer: Docker's official ones, from Amazon's mirror, by their digests (docs/verify.md)."""

from __future__ import annotations

_LIBRARY = "public.ecr.aws/docker/library"

POSTGRES_IMAGE = (
    f"{_LIBRARY}/postgres:17.10-bookworm@sha256:a37f62b259d97a1cdee2f0c3e14c3c28e8df80aa4c91af1faf63392cecbee138"
)
REDIS_IMAGE = f"{_LIBRARY}/redis:7.4.9-bookworm@sha256:68d5960737091a28de5759e5a2624d26e60f59f704d9e3ef9f609bbf969add9c"
MONGO_IMAGE = f"{_LIBRARY}/mongo:8.0.17@sha256:9814652e33f0cf8b9fddea8b46dfc9d8e19b130dcfdd7b510ca58bb0d40c8b71"
"""8.0 is supported until October 2029 (docker-library/mongo, versions.json); four repositories pin this digest (2026-11-28)."""
VARNISH_IMAGE = f"{_LIBRARY}/varnish:9.0.4-5@sha256:00447a82f42970479712e8b7302f66847c88bf94eb5f425af6275f89fa7dd029"
"""With varnish-modules, of the user 1000 (docker-library/repo-info, 2026-11-29); of the last two releases each is supported."""
AWS_CLI_IMAGE = (
    "public.ecr.aws/aws-cli/aws-cli:2.36.46@sha256:696ad2e7f8aac020bbbeaa511713cc844131ce593b275fdb101285ab02f6cbca"
)
"""What uploads dumps."""
