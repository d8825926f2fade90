"""Charts that no package brings to a test are held to what was seen of them: tests/inventory/charts.json, rendered once by Helm.

Recorded from the repositories' own sources, at the version that the file names; a newer pin is not a newer look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.systems.eco2 import charts, network_policies
from tests.stacks import ROOT
from tests.systems.eco2_objects import context
from tests.systems.test_eco2_platform import ROLES

INVENTORY: dict[str, dict[str, Any]] = json.loads((ROOT / "tests/inventory/charts.json").read_text())["charts"]
TENANTS = {"tenant_workers": {"instance_type": "t3.large", "minimum": 1, "maximum": 3}}
PARTS = {part.chart.release: part for part in charts.parts(context(**TENANTS))}

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


@pytest.mark.parametrize("name", [one for one in network_policies.PLATFORM_PODS if one.startswith("argocd-")])
def test_argo_cds_pods_have_the_labels_and_ports_that_policies_name(name: str) -> None:
    peer = network_policies.PLATFORM_PODS[name]
    mine = [pod for pod in INVENTORY["argo-cd"]["pods"].values() if peer.labels.items() <= pod["labels"].items()]
    assert len(mine) == 1
    asked = {port for edge in network_policies.edges() if edge.target == name for port in edge.ports}
    assert asked <= {*mine[0]["ports"]}
