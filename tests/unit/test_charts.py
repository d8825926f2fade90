"""`make charts`: what is served is compared with what is recorded, and nothing is taken on trust."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace

import pytest

from infra.components.cluster.gitops import Chart
from infra.systems.eco2 import charts, first_charts, versions
from tests.systems.eco2_objects import context
from tests.systems.needy import NEEDY
from tools.charts import all_charts, report
from tools.go_tools import HELM

CHART = Chart(
    release="one", namespace="one", repository="https://charts.example", chart="one", version="1.0.0", sha256="0" * 64
)
CONTENT = b"an archive"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
TENANTS = {"tenant_workers": {"instance_type": "t3.large", "minimum": 1, "maximum": 3}}


def served(_: Chart) -> bytes:
    return CONTENT


def test_what_is_served_as_it_is_recorded_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([replace(CHART, sha256=DIGEST)], served) == 0
    assert capsys.readouterr().out == "one 1.0.0: as recorded\n"


def test_another_archive_of_the_same_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([CHART], served) == 1
    assert f"recorded {'0' * 64}, served {DIGEST}" in capsys.readouterr().out


def test_what_is_not_recorded_is_printed_as_it_is_written_down(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([replace(CHART, sha256=None)], served) == 1
    assert f'sha256="{DIGEST}"' in capsys.readouterr().out


def test_a_repository_that_has_no_such_version_is_told_and_the_others_are_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fetch(chart: Chart) -> bytes:
        if chart.release == "one":
            raise subprocess.CalledProcessError(1, "helm", stderr="Error: chart not found\n")
        return CONTENT

    assert report([CHART, replace(CHART, release="two", sha256=DIGEST)], fetch) == 1
    assert capsys.readouterr().out == "one 1.0.0: not served: Error: chart not found\ntwo 1.0.0: as recorded\n"


def test_every_chart_of_the_cluster_is_asked_about() -> None:
    """Of the platform, and of every need of a tenant."""
    assert {part.chart for part in charts.parts(context(NEEDY, **TENANTS))} == {*all_charts()}


WITHOUT_CHECKSUM = {"aws-ebs-csi-driver", "ingress-gateway"}
"""No source that is not ours states the checksum of their archives (ADR 19)."""


def test_the_charts_without_a_checksum_are_those_that_are_listed() -> None:
    assert {chart.release for chart in all_charts() if chart.sha256 is None} == WITHOUT_CHECKSUM


def test_nothing_that_the_first_control_plane_installs_is_refused_for_want_of_a_checksum() -> None:
    """It would stop there until somebody runs `make charts`; what Argo CD brings afterwards does not."""
    assert [chart.release for chart, _ in first_charts.bootstrap_charts(context()) if chart.sha256 is None] == []


CLOSED = ("istio-release.storage.googleapis.com", "gcr.io/istio-release", "registry.istio.io")
OPEN = ("https://blob.istio.io/istio-release/charts", "oci://ghcr.io/istio/release/charts")
"""Where Istio publishes nothing from 1.31 on, and where its charts are: its upgrade notes of 1.31; for the first of `OPEN` also
release/publish.sh of istio/release-builder (2026-11-30). The second is held to its source: tests/cluster/test_charts.py."""


def test_istios_charts_come_from_where_istio_publishes_them() -> None:
    places = {chart.repository for chart in all_charts() if chart.version == versions.ISTIO}
    assert len(places) == 1
    assert places <= {*OPEN}
    assert not [one for one in CLOSED if one in f"{places} {versions.ISTIO_IMAGES}"]


def test_charts_are_judged_by_the_helm_that_installs_them() -> None:
    assert HELM.version == versions.HELM
