"""A made-up tenant that needs all that the contract knows of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from infra.contract import Quota, Tenant, TenantArrow, TenantWorkload
from infra.needs import Alerts, Chaos, Dashboards, Kafka, Logs, Mail, Policies, Rollouts, Scaling, Traces
from infra.systems.eco2 import charts
from infra.systems.eco2.network_policies import build_network_policies
from tests.systems.eco2_objects import Manifest, context, manifests, of_kind

HOME = "needy"
MAIL = Mail(
    to=["oncall@needy.example"],
    sender="alerts@needy.example",
    relay="email-smtp.ap-northeast-2.amazonaws.com:587",
    user="needy",
)
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
    needs=[
        Rollouts(),
        Scaling(),
        Kafka(),
        Traces(),
        Logs(),
        Alerts(slack_channel="#needy", mail=MAIL),
        Dashboards(files={"needy.json": '{"uid": "needy", "title": "Needy"}'}),
        Policies(),
        Chaos(),
    ],
)
PLAIN = replace(NEEDY, needs=(), workloads=NEEDY.workloads[:1], arrows=NEEDY.arrows[:1])
"""The same without a need."""


def policies_of(tenant: Tenant) -> dict[str, Manifest]:
    return of_kind(manifests(build_network_policies, context(tenant)), "NetworkPolicy")


def ends(policy: Manifest, way: str) -> set[tuple[str, int]]:
    """Who is at the other end, by namespace or block, and on which port."""
    found = set()
    for rule in policy["spec"][way]:
        for peer in rule["to" if way == "egress" else "from"]:
            selected = peer.get("namespaceSelector", {}).get("matchLabels", {})
            where = selected.get("kubernetes.io/metadata.name") or peer["ipBlock"]["cidr"]
            found |= {(where, port["port"]) for port in rule["ports"]}
    return found


def values_of(release: str) -> dict[str, Any]:
    (found,) = [part.values for part in charts.parts(context(NEEDY)) if part.chart.release == release]
    return found
