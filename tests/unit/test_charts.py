"""`make charts`: what is served is compared with what is recorded, and nothing is taken on trust."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace

import pytest

from infra.components.cluster.gitops import Chart
from infra.systems.eco2 import versions
from tools.charts import all_charts, report
from tools.go_tools import HELM

CHART = Chart(
    release="one", namespace="one", repository="https://charts.example", chart="one", version="1.0.0", sha256="0" * 64
)
CONTENT = b"an archive"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


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
    assert {"calico", "calico-crds", "argo-cd", "istiod", "grafana", "cluster-autoscaler"} <= {
        chart.release for chart in all_charts()
    }


def test_charts_are_judged_by_the_helm_that_installs_them() -> None:
    assert HELM.version == versions.HELM
