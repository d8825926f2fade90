"""Fetches the CustomResourceDefinitions of every operator that the systems use: `python -m tools.crds`.

They are YAML inside Go modules; the versions are in crds/go.mod and, for the mesh, in istio/go.mod.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from tools import modules
from tools.cache import cache_folder, lock_key, make_folder, say

_HERE = Path(__file__).resolve().parent
SOURCES = {
    "istio.io/istio": ("istio", "manifests/charts/base/files/crd-all.gen.yaml"),
    "github.com/argoproj/argo-cd/v3": ("crds", "manifests/crds/*-crd.yaml"),
    "github.com/argoproj/argo-rollouts": ("crds", "manifests/crds/*-crd.yaml"),
    "github.com/cert-manager/cert-manager": ("crds", "deploy/crds/*.yaml"),
    "github.com/chaos-mesh/chaos-mesh": ("crds", "config/crd/bases/*.yaml"),
    "github.com/external-secrets/external-secrets": ("crds", "config/crds/bases/*.io_*.yaml"),
    "github.com/kyverno/kyverno": ("crds", "config/crds/*/*.yaml"),
    "github.com/prometheus-operator/prometheus-operator": ("crds", "example/prometheus-operator-crd/*.yaml"),
}
"""Each module: the folder whose go.mod pins it, and where its definitions are."""


def find_crds() -> Path | None:
    """The folder of definitions as they were fetched before from just these versions."""
    return _folder() if _folder().exists() else None


def fetch_crds() -> Path:
    """Fetch them unless they are there already; their folder."""
    return make_folder(_folder(), _fill)


def pinned(module: str) -> str:
    """The version of a module, from the go.mod that requires it."""
    return modules.pinned(_pins(module), module)


def download(module: str) -> Path:
    """The folder of a module's source, in Go's own cache."""
    return modules.download(_pins(module), module)


def _pins(module: str) -> str:
    """The folder whose go.mod pins it: `crds`, but for what is also compiled."""
    return SOURCES.get(module, ("crds", ""))[0]


def _folder() -> Path:
    return cache_folder(
        "crds", lock_key([*sorted(_HERE.glob("crds/go.*")), _HERE / "istio/go.mod", Path(__file__).resolve()])
    )


def _fill(folder: Path) -> None:
    started = time.monotonic()
    for module, (_, pattern) in SOURCES.items():
        say(f"fetching the definitions of {module} {pinned(module)}")
        if not (found := sorted(download(module).glob(pattern))):
            raise SystemExit(f"{module}: no {pattern}")
        for path in found:
            shutil.copyfile(path, folder / f"{module.replace('/', '_')}-{path.name}")
    say(f"fetched in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    print(fetch_crds())
