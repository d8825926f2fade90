"""Fetches the charts that are inside Go modules: `python -m tools.chart_sources`.

A module's version is the nearest that is served to the chart's own; both are said by `nearest`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tools.cache import cache_folder, lock_key, make_folder, say
from tools.crds import download, pinned

_HERE = Path(__file__).resolve().parent
_ISTIO = "istio.io/istio"
SOURCES = {
    "calico": ("github.com/projectcalico/calico", "charts/tigera-operator"),
    "aws-cloud-controller-manager": ("k8s.io/cloud-provider-aws", "charts/aws-cloud-controller-manager"),
    "cert-manager": ("github.com/cert-manager/cert-manager", "deploy/charts/cert-manager"),
    "external-secrets": ("github.com/external-secrets/external-secrets", "deploy/charts/external-secrets"),
    "aws-load-balancer-controller": (
        "github.com/kubernetes-sigs/aws-load-balancer-controller",
        "helm/aws-load-balancer-controller",
    ),
    "external-dns": ("sigs.k8s.io/external-dns", "charts/external-dns"),
    "metrics-server": ("sigs.k8s.io/metrics-server", "charts/metrics-server"),
    "kyverno": ("github.com/kyverno/kyverno", "charts/kyverno"),
    "chaos-mesh": ("github.com/chaos-mesh/chaos-mesh", "helm/chaos-mesh"),
    "istio-base": (_ISTIO, "manifests/charts/base"),
    "istio-cni": (_ISTIO, "manifests/charts/istio-cni"),
    "istiod": (_ISTIO, "manifests/charts/istio-control/istio-discovery"),
    "ingress-gateway": (_ISTIO, "manifests/charts/gateway"),
}
"""Each release of eco2's platform whose chart can be had: its module, and the chart's folder in it."""

LINKED = {"calico": "libcalico-go/config/crd"}
"""The folder of definitions that a chart has by a link, which a module's archive leaves out."""

_DEPENDENCIES = re.compile(r"^dependencies:\n(?:[ \t-].*\n?)+", re.MULTILINE)


def find_charts() -> Path | None:
    """The folder of charts as they were fetched before from just these versions."""
    return _folder() if _folder().exists() else None


def fetch_charts() -> Path:
    """Fetch them unless they are there already: the folder with one for each release."""
    return make_folder(_folder(), _fill)


def nearest(release: str) -> str:
    """The version of the module that a release's chart is taken from."""
    return pinned(SOURCES[release][0])


def _folder() -> Path:
    pins = [*sorted(_HERE.glob("crds/go.*")), _HERE / "istio/go.mod", Path(__file__).resolve()]
    return cache_folder("charts", lock_key(pins))


def _fill(folder: Path) -> None:
    for release, (module, path) in SOURCES.items():
        say(f"fetching the chart of {release} from {module} {pinned(module)}")
        shutil.copytree(download(module) / path, folder / release, copy_function=shutil.copyfile)
        if release in LINKED:
            shutil.copytree(
                download(module) / LINKED[release], folder / release / "crds/linked", copy_function=shutil.copyfile
            )
        for kept in (folder / release).rglob("*"):
            kept.chmod(0o755 if kept.is_dir() else 0o644)
        about = folder / release / "Chart.yaml"
        # Charts of others, which are switched off here and not in the module.
        about.write_text(_DEPENDENCIES.sub("", about.read_text()))


if __name__ == "__main__":
    print(fetch_charts())
