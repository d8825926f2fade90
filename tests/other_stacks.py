"""Stacks beside the real ones that more than one file of tests looks at: like them, each is built once per run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.contract import Cluster
from infra.exports import SystemOutputs
from infra.settings import Settings, load_settings
from infra.systems import REGISTRY, Guest, build_systems
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.recording import Recording
from tests.stacks import ACCOUNT, REGION, changed_stack
from tests.systems import guestbook
from tests.systems.handed_out import said
from tests.systems.tenancy import WORKERS, with_guest

GUESTBOOK = Guest(declare=guestbook.declare, build=guestbook.build)


def build_with(folder: Path, changes: dict[str, Any], *systems: str, guest: Guest = GUESTBOOK) -> Recording:
    """Those systems of prod, its file changed; the guestbook may be among them."""
    file = changed_stack(folder, "prod", changes)

    def systems_alone() -> None:
        build_systems(with_guest(load_settings(), *systems), {**REGISTRY, guestbook.SYSTEM: guest})

    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud:
        return run(systems_alone, file, cloud)


def cluster_with_workers(folder: Path) -> Recording:
    """eco2 with nodes for tenants, of which there are none."""
    return build_with(folder, WORKERS, "eco2")


def cluster_with_guestbook(folder: Path) -> tuple[Recording, dict[str, Any]]:
    """eco2 with the made-up tenant, and what the contract told that, field by field."""
    handed: dict[str, Any] = {}

    def build(settings: Settings, cluster: Cluster) -> SystemOutputs:
        said(cluster).apply(handed.update)
        return guestbook.build(settings, cluster)

    return build_with(folder, WORKERS, "eco2", guestbook.SYSTEM, guest=replace(GUESTBOOK, build=build)), handed
