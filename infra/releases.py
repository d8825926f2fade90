"""How a tenant's new release is brought in, by its settings: step by step, judged by the cluster's Prometheus (docs/adr/0037)."""

from __future__ import annotations

from collections.abc import Sequence

from infra.components.cluster.rollout import Gradually, Judged
from infra.components.mesh.measures import answered, failed, failed_at_the_gateway, slow
from infra.settings.rollout import Release
from infra.tenant import TenantHome


def gradually(
    home: TenantHome,
    release: Release,
    workload: str,
    *,
    virtual_service: str,
    routes: Sequence[str],
    failed_at_most: float,
    slow_at_most: float,
    slow_after: int,
    weights: Sequence[int] = (),
    beside: Sequence[str] = (),
) -> Gradually:
    """For a workload behind the gateway; of its answers such shares may be 5xx, and slower than `slow_after` milliseconds.

    `weights` stand in the place of the settings'.
    """
    about, window = (workload, home.namespace), f"{release.settle_seconds}s"
    gateway = home.cluster.gateway.principal.rpartition("/")[2]
    return Gradually(
        virtual_service=virtual_service,
        routes=routes,
        weights=list(weights or release.weights),
        beside=beside,
        judged=Judged(
            prometheus=home.cluster.platform.prometheus_url,
            requests=answered(*about, window),
            least_requests=release.least_requests,
            measures=[
                failed(*about, window, failed_at_most),
                slow(*about, window, slow_at_most, slow_after),
                failed_at_the_gateway(*about, gateway, window, failed_at_most),
            ],
            settle_seconds=release.settle_seconds,
            every_seconds=release.every_seconds,
            measurements=release.measurements,
        ),
    )
