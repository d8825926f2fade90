"""Istio's own validation of each object of eco2 and its tenants, and its analysis of all of them together."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from tests.mesh import eco2
from tests.mesh.manifests import Manifest, named, pod_of, write
from tests.mesh.processes import KEEPS_ITS_GARBAGE
from tests.mesh.rig import gateway_objects
from tests.tools import required_tool

pytestmark = pytest.mark.verify

INHERENT = "EnvoyFilter exposes internal implementation details that may change at any time"
"""Said of every EnvoyFilter; which ones there are, and why, is ADR 11's."""


def findings(objects: Sequence[Manifest], mesh: Manifest, folder: Path) -> list[str]:
    """Errors and warnings about the objects, with the pods that a cluster would have."""
    pods = [injected(pod, objects) for one in objects if (pod := pod_of(one))]
    write(folder / "objects", [*objects, *pods, *gateway_objects(eco2.gateway(objects), "10.0.0.1")])
    (folder / "mesh.yaml").write_text(yaml.safe_dump(mesh))
    done = subprocess.run(
        [required_tool("mesh"), "check", "-objects", folder / "objects", "-mesh", folder / "mesh.yaml"],
        capture_output=True, text=True, check=False, env={**os.environ, **KEEPS_ITS_GARBAGE},
    )  # fmt: skip
    if done.returncode:
        return [done.stderr.strip().splitlines()[-1]]
    *said, last = map(json.loads, done.stdout.splitlines())
    assert last["level"] == "Read"
    return [
        f"{one['level']} {one['by']} {one['object']}: {one['message']}"
        for one in said
        if one["level"] in ("Error", "Warning") and INHERENT not in one["message"]
    ]


def injected(pod: Manifest, objects: Sequence[Manifest]) -> Manifest:
    """With the sidecar that a cluster's webhook would put into it."""
    labels = named(objects, "Namespace", pod["metadata"]["namespace"])["metadata"].get("labels", {})
    if labels.get("istio-injection") == "enabled":
        pod["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2"})
    return pod


def test_istio_finds_no_error_and_nothing_to_warn_of(eco2_objects: list[Manifest], tmp_path: Path) -> None:
    assert findings(eco2_objects, eco2.mesh_configuration(eco2_objects), tmp_path) == []


def test_nor_with_all_tenants_in_the_mesh(cluster_objects: list[Manifest], tmp_path: Path) -> None:
    assert findings(cluster_objects, eco2.mesh_configuration(cluster_objects), tmp_path) == []


Change = Callable[[Sequence[Manifest], Manifest], object]


def spec(objects: Sequence[Manifest], kind: str, name: str) -> Manifest:
    found: Manifest = named(objects, kind, name)["spec"]
    return found


BAD: dict[str, tuple[Change, str]] = {
    "a gateway's label that no pod has": (
        lambda o, m: spec(o, "Gateway", "eco2-gateway")["selector"].update(istio="ingressgateway"),
        "Gateway istio-system/eco2-gateway"),
    "a route to a service that is none": (
        lambda o, m: spec(o, "VirtualService", "my-vs")["http"][0]["route"][0]["destination"].update(host="my.my"),
        "VirtualService my/my-vs"),
    "a route of a gateway that is none": (
        lambda o, m: spec(o, "VirtualService", "my-vs").update(gateways=["istio-system/eco2"]),
        "VirtualService my/my-vs"),
    "a bad duration": (
        lambda o, m: spec(o, "VirtualService", "scan-vs")["http"][0].update(timeout="15"),
        "scan-vs: bad Duration"),
    "a filter of a type that is none": (
        lambda o, m: spec(o, "EnvoyFilter", "cookie-to-header")["configPatches"][0]["patch"]["value"]["typed_config"].update(
            {"@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Luna"}),
        "lua.v3.Luna"),
    "a path with two stars": (
        lambda o, m: spec(o, "AuthorizationPolicy", "ext-authz-policy")["rules"][0]["to"][0]["operation"].update(paths=["/*/{*}"]),
        "ext-authz-policy"),
    "an unknown field of the mesh's configuration": (
        lambda o, m: m.update(pathNormalisation={}),
        "pathNormalisation"),
    "an unknown word in the mesh's configuration": (
        lambda o, m: m.update(pathNormalization={"normalization": "ALL"}),
        "ALL"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(BAD))
def test_a_bad_object_is_found(eco2_objects: list[Manifest], tmp_path: Path, what: str) -> None:
    change, said = BAD[what]
    objects = copy.deepcopy(eco2_objects)
    mesh = eco2.mesh_configuration(objects)
    change(objects, mesh)
    assert said in "\n".join(findings(objects, mesh, tmp_path))
