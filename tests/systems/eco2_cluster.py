"""eco2's own Kubernetes objects, registered alone: what the tests of namespaces, workloads and policies look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml

from infra.systems.eco2.context import Context
from infra.systems.eco2.data import build_data
from infra.systems.eco2.namespaces import build_namespaces
from infra.systems.eco2.network_policies import build_network_policies
from infra.systems.eco2.secrets import build_secrets
from infra.systems.eco2.workloads import build_workloads
from rehearsal.cloud import Cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording
from tests.systems.eco2_objects import SETTINGS, STACK, context

IMAGES = tuple(SETTINGS["images"])
BUILDERS: tuple[Callable[[Context, pulumi.ResourceOptions], None], ...] = (
    build_namespaces,
    build_network_policies,
    build_secrets,
    build_data,
    build_workloads,
)

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """What was registered, and the manifests that were written."""

    recording: Recording
    texts: dict[str, str]
    manifests: tuple[Manifest, ...]

    def of(self, kind: str) -> list[Manifest]:
        return [one for one in self.manifests if one["kind"] == kind]

    def get(self, kind: str, name: str) -> Manifest:
        (found,) = [one for one in self.of(kind) if one["metadata"]["name"] == name]
        return found

    def pods(self) -> Iterator[tuple[Manifest, Manifest]]:
        """Each object that makes pods, and its pod's template."""
        for one in self.manifests:
            if one["kind"] in ("Deployment", "StatefulSet", "Job"):
                yield one, one["spec"]["template"]
            elif one["kind"] == "CronJob":
                yield one, one["spec"]["jobTemplate"]["spec"]["template"]

    def pod(self, workload: str) -> Manifest:
        """The pod's template of a workload."""
        (found,) = [template for owner, template in self.pods() if owner["metadata"]["name"] == workload]
        return found


def containers(template: Manifest) -> list[Manifest]:
    """Every container of a pod, those that run first included."""
    return [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]


def build_cluster(folder: Path, made: Context | None = None) -> Cluster:
    made = made or context()

    def program() -> None:
        for build in BUILDERS:
            build(made, pulumi.ResourceOptions())

    recording = run(program, STACK, Cloud({}))
    write_manifests(recording, folder)
    texts = {path.name: path.read_text() for path in sorted(folder.rglob("*.yaml"))}
    return Cluster(recording, texts, tuple(yaml.safe_load(text) for text in texts.values()))
