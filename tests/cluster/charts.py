"""The platform's charts as Argo CD would template them: with Helm, and the values of their Applications."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.systems.eco2 import charts, projects, versions
from infra.systems.eco2.parts import Part
from rehearsal.whole_file import write_whole
from tests.mesh.manifests import Manifest
from tests.systems.eco2_objects import context
from tests.systems.needy import NEEDY
from tests.tools import required_charts, required_tool
from tools.cache import cache_folder
from tools.definitions import KubernetesLoader

TENANTS = {"tenant_workers": {"instance_type": "t3.large", "minimum": 1, "maximum": 3}}
Keys = tuple[str, ...]


class NotRendered(Exception):
    """Helm's own words on values that a chart refuses."""


@dataclass(frozen=True)
class Leaf:
    """A value that eco2 sets, by its path: everything that holds no other by name."""

    path: Keys
    value: Any


@cache
def parts() -> dict[str, Part]:
    """Every chart of the platform by its release, those for tenants and of every need too."""
    return {part.chart.release: part for part in charts.parts(context(NEEDY, **TENANTS))}


@cache
def rendered(release: str) -> tuple[Manifest, ...]:
    """The objects of a chart, its definitions first; each with the namespace that it is installed to."""
    return objects_of(release, template(release, parts()[release].values))


def objects_of(release: str, text: str) -> tuple[Manifest, ...]:
    documents = [one for one in yaml.load_all(text, Loader=KubernetesLoader) if one]
    found = [one for each in documents for one in (each["items"] if each["kind"] == "List" else [each])]
    namespace = parts()[release].chart.namespace
    for one in found:
        if one["kind"] not in _WITHOUT_NAMESPACE:
            one["metadata"].setdefault("namespace", namespace)
    return tuple(sorted(found, key=lambda one: one["kind"] != "CustomResourceDefinition"))


def template(release: str, values: Mapping[str, Any], folder: Path | None = None) -> str:
    """What Helm writes; NotRendered for values that the chart refuses. `folder` is the chart's, elsewhere than in the module."""
    found = folder or required_charts() / release
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        command: list[str | Path] = [
            required_tool("helm"),
            "template",
            release,
            found,
            "--values",
            file.name,
            *_options(release),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotRendered(done.stderr)
    return _RANDOM.sub("", done.stdout)


def _options(release: str) -> list[str]:
    namespace = parts()[release].chart.namespace
    return ["--namespace", namespace, "--include-crds", "--kube-version", versions.KUBERNETES, *_SERVED]


def digest(release: str, values: Mapping[str, Any], folder: Path | None = None) -> str:
    """Tells apart what Helm writes; NotRendered as `template`.

    Of a chart in a module it is kept for the user, by all that it is made of: Helm and charts are named after their locks. What a
    chart refuses is asked again each time.
    """
    if folder:
        return _sha256(template(release, values, folder))
    made_of = [
        required_tool("helm").parent.name,
        required_charts().name,
        release,
        values,
        _options(release),
        _RANDOM.pattern,
    ]
    kept = cache_folder("rendered", _sha256(json.dumps(made_of, sort_keys=True)))
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, _sha256(template(release, values)))
    return kept.read_text()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_SERVED = ("--api-versions", "cert-manager.io/v1")
"""Of the kinds that Argo CD tells Helm are there, those that a chart asks about."""

_RANDOM = re.compile(r'^ +rollme: "\w+"\n', re.MULTILINE)
"""Chaos Mesh's, an annotation of its pods; its Application leaves it out of what it compares."""


def leaves(values: Any, path: Keys = ()) -> Iterator[Leaf]:
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    else:
        yield Leaf(path, values)


def changed(values: Mapping[str, Any], leaf: Leaf) -> dict[str, Any]:
    """The values with one of them changed to what it is not, of the same type."""
    found: dict[str, Any] = copy.deepcopy(dict(values))
    place: Any = found
    for key in leaf.path[:-1]:
        place = place[key]
    place[leaf.path[-1]] = _other(leaf.value)
    return found


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}changed"
    return [] if value else ({"changed": "changed"} if isinstance(value, dict) else ["changed"])


def unread(release: str, folder: Path | None = None, more: Mapping[str, Any] | None = None) -> list[str]:
    """The values, of those `more` alone if there are any, that make no difference to what is rendered: no template reads them."""
    values = more or parts()[release].values
    before = digest(release, values, folder)
    return [
        ".".join(one.path) for one in leaves(values) if one.path and not _matters(release, values, one, before, folder)
    ]


def _matters(release: str, values: Mapping[str, Any], leaf: Leaf, before: str, folder: Path | None) -> bool:
    try:
        return digest(release, changed(values, leaf), folder) != before
    except NotRendered:
        return True


def pod_templates(objects: tuple[Manifest, ...]) -> Iterator[tuple[Manifest, Manifest]]:
    """Each workload with the template of its pods."""
    for one in objects:
        if one["kind"] in ("Deployment", "DaemonSet", "StatefulSet", "Job"):
            yield one, one["spec"]["template"]


_WITHOUT_NAMESPACE = frozenset(platform_kind.rpartition("/")[2] for platform_kind in projects.CHART_KINDS)
