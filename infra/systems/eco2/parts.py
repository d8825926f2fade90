"""A chart of the platform and its turn among what the root Application brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from infra.components.cluster.gitops import Chart, Difference
from infra.systems.eco2 import mesh, observability

Values = dict[str, Any]


class Wave(IntEnum):
    """The turns of the root Application's objects; what has none, such as the workloads, is in wave 0."""

    NAMESPACES = -50
    NETWORK_KINDS = -47
    NODES = -45
    DELIVERY = -40
    CERTIFICATES = -36
    IDENTITY = -34
    CONTROLLERS = -32
    MESH_KINDS = -30
    MESH_NODES = -28
    MESH_CONTROL = -26
    MESH_RULES = mesh.RULES_WAVE
    MESH_EDGE = -18
    WORKLOADS = 0
    MESH_ROUTES = mesh.ROUTES_WAVE
    STORES = 6
    COLLECTORS = 8
    METRICS = 10
    METRICS_RULES = observability.RULES_WAVE
    DASHBOARDS = 14


@dataclass(frozen=True, kw_only=True)
class Part:
    """A chart of the platform: what it is for, its turn and its values."""

    chart: Chart
    wave: Wave
    values: Values
    differences: Sequence[Difference] = ()
    kept: bool = False
