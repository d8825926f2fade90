"""The exchange's experiments: what each supposes, where it acts, and that Chaos Mesh's own definitions know every field of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.systems.exchange.document import NAMESPACE, SERVICES
from tests.stacks import ROOT
from tests.tools import required_definitions
from tools.definitions import definitions

FILES = sorted((ROOT / "deploy/exchange/chaos").glob("*.yaml"))
CLUSTERS_OWN = {"gateway-pod-kill": "istio-system", "limiter-latency": "ratelimit"}
"""What an administrator of the cluster has to let happen first."""


def experiment(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_experiment_says_what_it_supposes_and_what_refutes_it(path: Path) -> None:
    first, second, *_ = path.read_text().splitlines()
    assert first.startswith("# Hypothesis: ")
    assert second.startswith("# Refuted by: ")
    assert len(first) > 60
    assert len(second) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_experiment_acts_in_one_namespace_and_ends(path: Path) -> None:
    found = experiment(path)
    home = CLUSTERS_OWN.get(path.stem, NAMESPACE)
    assert found["metadata"] == {"name": path.stem, "namespace": home}
    assert found["spec"]["selector"]["namespaces"] == [home]
    assert found["spec"].get("duration") or found["spec"]["action"] == "pod-kill"


def test_pods_service_limiter_and_zone_are_tried() -> None:
    assert {path.stem for path in FILES} == {
        "gateway-pod-kill", "limiter-latency", "service-pod-kill", "service-latency", "service-loss", "zone-loss",
    }  # fmt: skip
    named = {
        experiment(path)["spec"]["selector"].get("labelSelectors", {}).get("app.kubernetes.io/name") for path in FILES
    }
    assert named - {None, "ratelimit"} <= {one.name for one in SERVICES}


def test_the_runbook_names_those_that_need_an_administrator() -> None:
    text = (ROOT / "docs/runbooks/exchange-failover-drill.md").read_text()
    assert all(f"`{name}.yaml`" in text for name in CLUSTERS_OWN)


def faults(schema: Mapping[str, Any], value: Any, at: str = "") -> Iterator[str]:
    """What a definition's schema does not know or does not allow."""
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value} is none of {', '.join(schema['enum'])}"
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        for key in schema.get("required", ()):
            if key not in value:
                yield f"{at}.{key} is missing"
        for key, inner in value.items():
            if key in known or more:
                yield from faults(known.get(key, more), inner, f"{at}.{key}")
            else:
                yield f"{at}.{key} is unknown"
    elif isinstance(value, list):
        for one in value:
            yield from faults(schema["items"], one, f"{at}[]")


@pytest.fixture(scope="module")
def schemas() -> Mapping[str, Any]:
    """By kind, the schema of a spec."""
    found = definitions([required_definitions()], lambda text: "group: chaos-mesh.org\n" in text)
    return {
        spec["names"]["kind"]: spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for spec in (one["spec"] for one in found)
        if "spec" in spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    }


@pytest.mark.verify
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_chaos_mesh_knows_every_field(path: Path, schemas: Mapping[str, Any]) -> None:
    found = experiment(path)
    assert list(faults(schemas[found["kind"]], found["spec"])) == []


@pytest.mark.verify
def test_a_field_that_it_does_not_know_is_noticed(schemas: Mapping[str, Any]) -> None:
    (path,) = [one for one in FILES if one.stem == "service-latency"]
    spec = copy.deepcopy(experiment(path)["spec"])
    spec["delay"]["latencie"] = spec["delay"].pop("latency")
    spec["action"] = "slow"
    del spec["mode"]
    said = "\n".join(faults(schemas["NetworkChaos"], spec))
    assert ".delay.latencie is unknown" in said
    assert ".action: slow is none of" in said
    assert ".mode is missing" in said
