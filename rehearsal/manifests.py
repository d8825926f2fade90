"""The one writer of Kubernetes objects as files: what `make up` shows, and what Argo CD is given, is the same to the byte.

`<folder>/<system>/0-crd/<group>_<version>-customresourcedefinition-<namespace>-<name>.yaml` and the same under `1-manifest/`.
The system is what its resources' logical names begin with: each system has its own folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import yaml

from rehearsal.values import Props, Secret, contains
from rehearsal.whole_file import write_whole

_FIXED = ("apiVersion", "kind")


class NotRendered(Exception):
    """The manifests cannot be written; the message says which object is wrong."""


class Rendered(Protocol):
    """What is known of a registered object, by a recording or by the engine's state."""

    @property
    def name(self) -> str: ...
    @property
    def rendered(self) -> bool: ...
    @property
    def inputs(self) -> Props: ...


def is_rendered(type_: str, *, custom: bool) -> bool:
    """Whether a resource is an object that no provider has: the state holds it, and from there it becomes a file."""
    return not custom and type_.startswith("kubernetes:")


def write_manifests(resources: Iterable[Rendered], folder: Path) -> int:
    """Write every rendered object of a stack below `folder`; how many there are."""
    written: dict[tuple[str, ...], str] = {}
    for one in resources:
        if not one.rendered:
            continue
        if problem := wrong_with(one.inputs):
            raise NotRendered(f"{one.name}: {problem}")
        path = manifest_path(folder, one.name, one.inputs)
        # Whichever system it is in: the cluster has one object of a kind and name.
        place = path.parts[-2:]
        if place in written:
            raise NotRendered(f"{one.name}: {written[place]} is the same object ({path.name})")
        written[place] = one.name
        write_manifest(path, one.inputs)
    return len(written)


def wrong_with(inputs: Props) -> str | None:
    """Why an object cannot be a file, or `None`."""
    for key in _FIXED:
        if not inputs.get(key):
            return f"'{key}' is missing"
    if not (inputs.get("metadata") or {}).get("name"):
        return "metadata.name is missing"
    if inputs["kind"] == "Secret":
        return "a rendered Secret is plain text; use an ExternalSecret"
    if contains(inputs, lambda value: isinstance(value, Secret)):
        return "it holds a secret: a rendered object is plain text in Git"
    return None


def manifest_path(folder: Path, name: str, inputs: Props) -> Path:
    """Where the object of that logical name has its file."""
    metadata = inputs["metadata"]
    kind = str(inputs["kind"]).lower()
    group = str(inputs["apiVersion"]).replace("/", "_")
    parts = (group, kind, metadata.get("namespace", "default"), metadata["name"])
    stage = "0-crd" if kind == "customresourcedefinition" else "1-manifest"
    return folder / name.split("-", maxsplit=1)[0] / stage / ("-".join(parts).replace(":", "-") + ".yaml")


def write_manifest(path: Path, inputs: Props) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, yaml.dump(inputs, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True, width=120))


def object_id(inputs: Props) -> str:
    """`<namespace>/<name>`, or the name of an object without a namespace."""
    metadata: dict[str, Any] = inputs["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])
