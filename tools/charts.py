"""Compares the recorded checksum of every chart with what its repository serves today: `make charts`.

It needs Helm, built from its pinned module, and the charts' repositories. What is not recorded is printed as it goes into
infra/systems/eco2/versions.py (or needs/chart_versions.py): whoever commits it has looked at where it came from.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.components.cluster.gitops import Chart
from infra.systems.eco2 import versions
from infra.systems.eco2.needs import chart_versions
from tools.cache import say
from tools.go_tools import HELM, BuildFailed, build


def all_charts() -> list[Chart]:
    """Every chart that eco2's cluster runs, for itself and for its tenants' needs, by release."""
    named = [one for module in (versions, chart_versions) for one in vars(module).values()]
    return sorted((one for one in named if isinstance(one, Chart)), key=lambda one: one.release)


def pull(helm: Path, chart: Chart) -> bytes:
    """The chart's archive as its repository serves it; CalledProcessError with Helm's words when it serves none."""
    with tempfile.TemporaryDirectory() as folder:
        source = [chart.chart, "--repo", chart.repository, "--version", chart.version]
        subprocess.run([helm, "pull", *source, "--destination", folder], check=True, capture_output=True, text=True)  # noqa: S603
        (archive,) = Path(folder).glob("*.tgz")
        return archive.read_bytes()


def judged(chart: Chart, found: str) -> str | None:
    """What is wrong with a chart whose archive has the checksum `found`; None when it is the recorded one."""
    if chart.sha256 is None:
        return f'not recorded; where its version is: sha256="{found}"'
    return None if chart.sha256 == found else f"recorded {chart.sha256}, served {found}: do not install it; ask why"


def report(charts: Sequence[Chart], fetch: Callable[[Chart], bytes]) -> int:
    """One line for each chart; the number of those that are not served as they are recorded."""
    wrong = 0
    for chart in charts:
        try:
            trouble = judged(chart, hashlib.sha256(fetch(chart)).hexdigest())
        except subprocess.CalledProcessError as error:
            trouble = f"not served: {error.stderr.strip()}"
        wrong += trouble is not None
        print(f"{chart.release} {chart.version}: {trouble or 'as recorded'}", flush=True)
    return wrong


def main() -> int:
    """Status 1 when a chart is not what is recorded, or nothing is."""
    try:
        helm = build(HELM)
    except BuildFailed as error:
        say(str(error))
        return 1
    return 1 if report(all_charts(), lambda chart: pull(helm, chart)) else 0


if __name__ == "__main__":
    sys.exit(main())
