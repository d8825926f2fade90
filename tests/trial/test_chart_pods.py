"""What `make up` goes by of pods that nobody renders: it is what charts, operators and kubeadm bring, for both stacks."""

from __future__ import annotations

import json

import pytest

from policy.cluster_pods import CHART_PODS
from tests.inventory.record_placed import recorded, written
from tests.mesh import eco2
from tests.mesh.manifests import Manifest, named, read

pytestmark = pytest.mark.verify


@pytest.fixture(scope="module", params=["prod", "dev"])
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    return read(eco2.cluster_files(tmp_path_factory, request.param))


def test_what_is_recorded_is_what_they_bring(objects: list[Manifest]) -> None:
    """`python -m tests.inventory.record_placed` records it anew."""
    known, found = json.loads(CHART_PODS.read_text()), json.loads(written(recorded(objects)))
    assert {release: known.get(release) for release in found} == found
    assert len(found) > 15


def test_a_value_that_is_changed_is_noticed(objects: list[Manifest]) -> None:
    values = named(objects, "Application", "external-dns")["spec"]["source"]["helm"]["valuesObject"]
    values["resources"]["requests"]["memory"] = "1Gi"
    (pods,) = recorded(objects)["external-dns"]
    assert pods["memory"] == 1024
