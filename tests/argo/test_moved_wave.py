"""One wave is moved, and what Argo CD's own programs say of it: the walk through all of them does not pass by such a thing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.components.cluster.metadata import SYNC_WAVE
from infra.systems.eco2 import versions
from infra.systems.eco2.parts import Wave
from tests.argo import commits
from tests.argo.delivered import Delivered, delivery, is_well, retries

pytestmark = pytest.mark.judges

EARLY, NEEDED = versions.POD_IDENTITY_WEBHOOK.release, versions.CERT_MANAGER.release
MOVED = commits.edited(
    f"argoproj.io_v1alpha1-application-argocd-{EARLY}",
    lambda one: one["metadata"]["annotations"].update({SYNC_WAVE: str(Wave.CERTIFICATES - 1)}),
)
"""What has a Certificate comes before the kind."""


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivered]:
    with delivery(tmp_path_factory.mktemp("moved"), MOVED) as running:
        yield running


def test_a_chart_before_the_kind_that_it_needs_is_refused_and_holds_up_all_others(delivered: Delivered) -> None:
    delivered.wait_for(lambda found: EARLY in found and retries(found[EARLY]) > 0, f"{EARLY} to be tried again")
    found = delivered.applications()
    assert "Certificate" in delivered.why()
    assert not is_well(found[EARLY])
    assert NEEDED not in found
