"""eco2's Kubernetes objects as plain manifests: one room of the system run alone, without AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi

from infra.contract import Tenant
from infra.names import Names
from infra.settings.eco2 import Eco2
from infra.systems.eco2.context import Context
from infra.systems.eco2.document import SERVICES
from rehearsal.cloud import Cloud
from rehearsal.inprocess import run
from rehearsal.recording import Registered
from rehearsal.stack_file import StackFile
from rehearsal.values import reveal
from tests.stacks import ACCOUNT, REGION, ROOT

Manifest = dict[str, Any]
Room = Callable[[Context, pulumi.ResourceOptions], None]

STACK = StackFile(project="eco2", stack="prod", path=ROOT, config={}, secret_keys=frozenset(), stood_in=())
SETTINGS: dict[str, Any] = {
    "domain": "eco2.example",
    "bucket_prefix": "eco2-prod",
    "network": {"cidr": "10.2.0.0/16", "zones": {"a": 0, "c": 1, "d": 2}},
    "gitops": {"repository": "https://github.com/OrangesCloud/edge-platform.git"},
    "images": dict.fromkeys((*(f"{service}-api" for service in SERVICES), "ext-authz", "celery"), "1.0.0"),
}


def context(*tenants: Tenant, **changes: Any) -> Context:
    """A production-like context; `changes` are keys of the `eco2` section."""
    return Context(
        tenants=tenants,
        settings=Eco2.model_validate({**SETTINGS, **changes}),
        names=Names(system="eco2", stack="prod"),
        account=ACCOUNT,
        region=REGION,
        protect=True,
        tags={"Project": "eco2"},
    )


def registered(room: Room, of: Context) -> list[Registered]:
    """What a room registers, its components too."""
    return list(run(lambda: room(of, pulumi.ResourceOptions()), STACK, Cloud({})))


def manifests(room: Room, of: Context) -> list[Manifest]:
    """The objects of a room, as they would be applied."""
    return [reveal(one.inputs) for one in registered(room, of) if one.custom and one.type.startswith("kubernetes:")]


def of_kind(found: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind by `<namespace>/<name>`; without a namespace by name."""
    return {reference(one): one for one in found if one["kind"] == kind}


def reference(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if "namespace" in metadata else str(metadata["name"])


def wave(manifest: Manifest) -> int:
    """Its turn among what the root Application brings."""
    return int(manifest["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))
