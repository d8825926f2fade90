"""What every object of a workload has in common: its names, its labels, and when Argo CD brings it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SYNC_WAVE = "argocd.argoproj.io/sync-wave"
NAME_LABEL = "app.kubernetes.io/name"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""The API server's own label on each namespace: nobody can give it to another."""


def metadata(
    name: str,
    namespace: str | None = None,
    *,
    wave: int = 0,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An object's metadata; `wave` orders it among those that Argo CD brings, lower ones first and healthy before the next."""
    found: dict[str, Any] = {"name": name}
    if namespace:
        found["namespace"] = namespace
    if labels:
        found["labels"] = dict(labels)
    found["annotations"] = {SYNC_WAVE: str(wave), **(annotations or {})}
    return found


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A workload: its objects and its service account have one name, so that its mTLS principal tells who it is."""

    name: str
    namespace: str
    part_of: str
    wave: int = 0

    @property
    def selector(self) -> dict[str, str]:
        return {NAME_LABEL: self.name}

    @property
    def labels(self) -> dict[str, str]:
        """`app` is what Istio calls the workload by in its metrics."""
        return {**self.selector, "app": self.name, "app.kubernetes.io/part-of": self.part_of}

    def metadata(self, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
        return metadata(self.name, self.namespace, wave=self.wave, labels=self.labels, annotations=annotations)
