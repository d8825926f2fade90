"""Charts that no package brings to a test are held to what was seen of them: tests/inventory/charts.json, rendered once by Helm.

Recorded from the repositories' own sources, at the version that the file names; a newer pin is not a newer look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.systems.eco2 import charts, needs, network_policies, projects
from tests.stacks import ROOT
from tests.systems.eco2_objects import context
from tests.systems.needy import NEEDY
from tests.systems.test_eco2_platform import ROLES
from tools.chart_sources import SOURCES

INVENTORY: dict[str, dict[str, Any]] = json.loads((ROOT / "tests/inventory/charts.json").read_text())["charts"]
TENANTS = {"tenant_workers": {"instance_type": "t3.large", "minimum": 1, "maximum": 3}}
PARTS = {part.chart.release: part for part in charts.parts(context(NEEDY, **TENANTS))}

NEEDED = {part.chart.release for answer in needs.answers(context(NEEDY)) for part in answer.parts}
WITHOUT_EFFECT = {"grafana": {"initChownData.enabled", "testFramework.enabled"}}
"""Switches that change nothing beside the others that are set: off is said where another value could turn them on."""


def paths(values: Any, path: str = "") -> Iterator[str]:
    """Every value by its path, as the inventory has them."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from paths(value, f"{path}.{key}" if path else key)
    elif path:
        yield path


@pytest.mark.parametrize("release", sorted(INVENTORY))
def test_every_value_that_is_set_was_seen_to_matter(release: str) -> None:
    assert set(paths(PARTS[release].values)) - set(INVENTORY[release]["values"]) == WITHOUT_EFFECT.get(release, set())


def test_only_calicos_chart_has_a_hook_at_its_end() -> None:
    ends = {name for name, seen in INVENTORY.items() if {"pre-delete", "post-delete"} & {*seen["hooks"]}}
    assert ends == {"calico"}
    assert PARTS["calico"].kept


def test_calicos_kinds_are_not_in_its_own_chart() -> None:
    assert INVENTORY["calico"]["definitions"] == []
    assert "installations.operator.tigera.io" in INVENTORY["calico-crds"]["definitions"]
    assert INVENTORY["calico-crds"]["kinds"] == ["apiextensions.k8s.io/v1/CustomResourceDefinition"]


@pytest.mark.parametrize("release", ["aws-ebs-csi-driver", "cluster-autoscaler"])
def test_a_trusted_account_is_one_that_the_chart_makes_and_runs(release: str) -> None:
    seen = INVENTORY[release]
    _, account, namespace = ROLES[release]
    running = {f"{name.split(' ')[1].split('/')[0]}/{pod['service_account']}" for name, pod in seen["pods"].items()}
    assert f"{namespace}/{account}" in {*seen["accounts"]} & running


PODS = network_policies.platform_pods(context(NEEDY))
RENDERED = {PARTS[release].chart.namespace for release in NEEDED & {*SOURCES}}
NAMED = [
    one
    for one, pods in PODS.items()
    if one.startswith("argocd-") or (one not in network_policies.PLATFORM_PODS and pods.namespace not in RENDERED)
]
"""Argo CD's, and those that stand for a need; tests/cluster/test_charts.py looks at those of charts that can be rendered."""


@pytest.mark.parametrize("name", NAMED)
def test_pods_have_the_labels_and_ports_that_policies_name(name: str) -> None:
    mine = [
        pod
        for seen in INVENTORY.values()
        for of, pod in seen["pods"].items()
        if f" {PODS[name].namespace}/" in of and PODS[name].labels.items() <= pod["labels"].items()
    ]
    assert len(mine) == 1
    edges = (*network_policies.edges(), *network_policies.needed_edges(context(NEEDY)))
    asked = {port for edge in edges if edge.target == name for port in edge.ports}
    assert asked <= {*mine[0]["ports"]}


def test_what_stands_for_a_need_makes_no_kind_that_its_project_does_not_know() -> None:
    spec = projects.charts_project(context(NEEDY, **TENANTS))["spec"]
    allowed = {(one["group"], one["kind"]) for one in spec["clusterResourceWhitelist"]}
    for release in NEEDED & {*INVENTORY}:
        made = {tuple(kind.rsplit("/", 1)) for kind in INVENTORY[release]["kinds"]}
        without = {(version.rpartition("/")[0], kind) for version, kind in made if kind in CLUSTER_WIDE}
        assert without <= allowed, release


CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass"} | {
    kind.rpartition("/")[2] for kind in projects.CHART_KINDS
}


def test_every_chart_for_a_need_was_seen_at_its_very_version() -> None:
    assert {release: PARTS[release].chart.version for release in NEEDED - {*SOURCES}} == {
        release: INVENTORY[release]["version"] for release in NEEDED - {*SOURCES}
    }


def test_the_only_limit_of_cpu_is_one_that_cannot_be_taken_away() -> None:
    """Strimzi's chart merges its own in; it is raised above what the machine has."""
    limited = {name for name in NEEDED & {*INVENTORY} for pod in INVENTORY[name]["pods"].values() if pod["limits_cpu"]}
    assert limited == {"strimzi-kafka-operator"}
    assert PARTS["strimzi-kafka-operator"].values["resources"]["limits"]["cpu"] == "4"
