"""Rendered manifests as plain data."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]


def read(folder: Path) -> list[Manifest]:
    """Every object of the rendered files."""
    return [yaml.load(path.read_text(), Loader=yaml.CSafeLoader) for path in sorted(folder.rglob("*.yaml"))]


def write(folder: Path, objects: Sequence[Manifest]) -> None:
    """One file per object, in an order that keeps."""
    folder.mkdir(parents=True)
    for index, one in enumerate(objects):
        _write(folder / f"{index:04}-{_label(one)}.yaml", one)


def write_again(folder: Path, manifest: Manifest) -> None:
    """Another version of an object, the only one there of its kind and name."""
    (path,) = folder.glob(f"*-{_label(manifest)}.yaml")
    draft = path.with_suffix(".part")
    _write(draft, manifest)
    draft.replace(path)


def _label(manifest: Manifest) -> str:
    return f"{manifest['kind'].lower()}-{manifest['metadata']['name']}"


def _write(path: Path, manifest: Manifest) -> None:
    """As JSON, which is YAML too: a gateway's hundred objects are written in a tenth of the time."""
    path.write_text(json.dumps(manifest, ensure_ascii=False, indent=1))


def named(objects: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """The only object of that kind and name."""
    (found,) = [one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def without(objects: Sequence[Manifest], kind: str, name: str) -> list[Manifest]:
    """All but one, which must have been there."""
    gone = named(objects, kind, name)
    return [one for one in objects if one is not gone]


def pod_of(manifest: Manifest) -> Manifest | None:
    """A pod as a workload's controller would make it; None for what makes none."""
    if manifest["kind"] not in ("Deployment", "StatefulSet", "DaemonSet", "Rollout", "Job", "CronJob"):
        return None
    spec = manifest["spec"]["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else manifest["spec"]
    template = copy.deepcopy(spec["template"])
    template["metadata"] |= {key: manifest["metadata"][key] for key in ("name", "namespace")}
    for claim in spec.get("volumeClaimTemplates", ()):
        name = claim["metadata"]["name"]
        claimed = {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{manifest['metadata']['name']}-0"}}
        template["spec"].setdefault("volumes", []).append(claimed)
    return {"apiVersion": "v1", "kind": "Pod", **template}


def chart_values(objects: Sequence[Manifest], chart: str) -> Manifest:
    """The values with which an Argo CD Application installs that chart."""
    sources = [one["spec"]["source"] for one in objects if one["kind"] == "Application"]
    (found,) = [source["helm"]["valuesObject"] for source in sources if source.get("chart") == chart]
    return dict(found)
