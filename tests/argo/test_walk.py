"""Argo CD's own programs begin to deliver prod to an empty cluster, after the master's script: the first waves, in their turn."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from infra.components.cluster.metadata import SYNC_WAVE
from infra.systems.eco2 import versions
from infra.systems.eco2.parts import Wave
from tests.argo.delivered import Delivered, delivery, is_well
from tests.stacks import ROOT

pytestmark = pytest.mark.judges

BOOTSTRAPPED = [
    chart.release for chart in (versions.CALICO_KINDS, versions.CALICO, versions.CLOUD_CONTROLLER, versions.ARGO_CD)
]
TIMELINE = ROOT / ".rehearsal/waves.txt"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivered]:
    with delivery(tmp_path_factory.mktemp("argo")) as running:
        yield running


def test_the_masters_own_script_brings_the_first_charts_in_their_order(delivered: Delivered) -> None:
    assert re.findall(r"==> install (\S+) \(chart", delivered.said) == BOOTSTRAPPED
    assert "==> point Argo CD at the rendered manifests" in delivered.said


def test_the_first_waves_get_synced_and_healthy_one_after_the_other(delivered: Delivered) -> None:
    """Those that the master began with, adopted, and the two after them; Git is read, and the publisher's signature taken."""
    waves = {
        one["metadata"]["name"]: int(one["metadata"].get("annotations", {}).get(SYNC_WAVE, 0))
        for one in delivered.rendered.objects
        if one["kind"] == "Application"
    }
    first = [name for name, wave in waves.items() if wave <= Wave.IDENTITY]
    assert {*BOOTSTRAPPED} < {*first}
    delivered.wait_for(
        lambda found: all(name in found and is_well(found[name]) for name in first), "the first waves to be well"
    )
    text = "\n".join(delivered.timeline) + "\n"
    print(f"\n{text}")
    TIMELINE.parent.mkdir(exist_ok=True)
    TIMELINE.write_text(text)
    made = {name: delivered.applications()[name]["metadata"]["creationTimestamp"] for name in first}
    assert [waves[name] for name in sorted(first, key=lambda name: made[name])] == sorted(waves[name] for name in first)
