"""A tenant's dashboards: mounted into Grafana, which so needs no right to read ConfigMaps anywhere."""

from __future__ import annotations

import json
from collections import Counter

import pulumi

from infra.components.cluster.gitops import waved
from infra.components.cluster.observability import Dashboards as DashboardFiles
from infra.components.cluster.observability import DashboardsArgs, ObjectMeta
from infra.contract import Tenant
from infra.needs import Dashboards
from infra.systems.eco2.context import Asked, Context
from infra.systems.eco2.document import HOMES
from infra.systems.eco2.needs.answer import Answer
from infra.systems.eco2.observability import RULES_WAVE
from infra.systems.eco2.tenant_names import dashed


def answer(context: Context, asked: Asked[Dashboards]) -> Answer:
    """A ConfigMap and a folder for each tenant; `ValueError` when two dashboards have one `uid`: Grafana would show the last."""
    uids = Counter(json.loads(text).get("uid") for _, need in asked for text in need.files.values())
    if twice := sorted(str(uid) for uid, times in uids.items() if times > 1):
        raise ValueError(f"more than one dashboard has the uid {', '.join(twice)}: allowed: each its own")
    return Answer(
        parts=[],
        namespaces={},
        pods={},
        edges=[],
        folders={dashed(tenant): _config_map(tenant) for tenant, _ in asked},
        build=lambda room, opts: _build(asked, room, opts),
    )


def _config_map(tenant: Tenant) -> str:
    return f"dashboards-{dashed(tenant)}"


def _build(asked: Asked[Dashboards], room: str, opts: pulumi.ResourceOptions) -> None:
    for tenant, need in asked:
        meta = ObjectMeta(name=_config_map(tenant), namespace=HOMES["grafana"], annotations=waved(RULES_WAVE))
        DashboardFiles(f"{room}-{meta.name}", DashboardsArgs(meta=meta, files=need.files), opts)
