"""A made-up tenant that needs all that the contract knows of."""

from __future__ import annotations

from infra.contract import Kafka, Logs, Quota, Rollouts, Tenant, TenantArrow, TenantWorkload, Traces

HOME = "needy"
NEEDY = Tenant(
    system="needy",
    namespaces={HOME: Quota(pods=20, cpu="4", memory="8Gi", memory_limit="8Gi")},
    workloads=[
        TenantWorkload(name="needy-api", namespace=HOME),
        TenantWorkload(name="kafka", namespace=HOME, scraped=False, proxied=False),
        TenantWorkload(name="entity-operator", namespace=HOME, scraped=False, proxied=False),
    ],
    arrows=[
        TenantArrow(source="gateway", target="needy-api", port=8080, why="visitors"),
        TenantArrow(source="needy-api", target="kafka", port=9093, why="events"),
        TenantArrow(source="entity-operator", target="kubernetes-api", port=6443, why="topics and users"),
    ],
    needs=[Rollouts(), Kafka(), Traces(), Logs()],
)
