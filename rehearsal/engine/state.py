"""The engine's state as plain data: what it holds, and how an interrupted run in it is put right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.runtime import rpc

from rehearsal.manifests import is_rendered
from rehearsal.values import Props, Secret

_SIGNATURE = rpc._special_sig_key
_SECRET = rpc._special_secret_sig

STACK = "pulumi:pulumi:Stack"
Deployment = dict[str, Any]
"""`pulumi stack export`, its `deployment` part."""


@dataclass(frozen=True, kw_only=True)
class StateResource:
    """One resource in the state; secret values are `Secret`, `custom` and `rendered` as in `rehearsal.recording`."""

    urn: str
    type: str
    name: str
    id: str
    parent: str
    protect: bool
    custom: bool
    rendered: bool
    inputs: Props
    outputs: Props


def resources_of(deployment: Deployment) -> list[StateResource]:
    """What the program registered, in the state's order: no stack, no default providers, nothing marked for deletion."""
    return [
        _resource(entry)
        for entry in deployment.get("resources") or []
        if entry["type"] != STACK and not is_default_provider(entry["urn"]) and not entry.get("delete")
    ]


def is_default_provider(urn: str) -> bool:
    """Whether it is one of the providers that the engine makes by itself, one for each version of a package."""
    return "::pulumi:providers:" in urn and name_of(urn).startswith("default_")


def name_of(urn: str) -> str:
    return urn.split("::", 3)[-1]


def pending(deployment: Deployment) -> list[str]:
    """What an interrupted run left in the air: `creating urn`, `updating urn` …"""
    return [f"{op['type']} {op['resource']['urn']}" for op in deployment.get("pending_operations") or []]


def replacing(deployment: Deployment) -> list[str]:
    """The URNs that an interrupted run was making a second resource of, to replace the one that the state has."""
    known = {entry["urn"] for entry in deployment.get("resources") or []}
    return [op["resource"]["urn"] for op in _creates(deployment) if op["resource"]["urn"] in known]


def settle_creates(deployment: Deployment, unanswered: Mapping[str, str]) -> Deployment:
    """The state as the interrupted run would have left it, had the answers to its creates arrived.

    `unanswered` are the ids, by URN, of what the cloud made and no engine has referred to. A create of the run that is among them
    becomes a resource of the state (outputs follow with a refresh), and a predecessor that it was to replace is marked for
    deletion; every other operation in the air is dropped: a refresh finds out what came of it.
    """
    resources = [dict(entry) for entry in deployment.get("resources") or []]
    for operation in _creates(deployment):
        created = operation["resource"]
        identifier = unanswered.get(created["urn"])
        known = {entry.get("id") for entry in resources if entry["urn"] == created["urn"]}
        if identifier and identifier not in known:
            _insert(resources, {**created, "id": identifier, "outputs": {}})
    return {**{key: value for key, value in deployment.items() if key != "pending_operations"}, "resources": resources}


def _creates(deployment: Deployment) -> list[dict[str, Any]]:
    return [op for op in deployment.get("pending_operations") or [] if op["type"] == "creating"]


def _insert(resources: list[dict[str, Any]], created: dict[str, Any]) -> None:
    """Put it before its predecessor, as the engine does, or last; what it depends on stands earlier either way."""
    for index, entry in enumerate(resources):
        if entry["urn"] == created["urn"] and not entry.get("delete"):
            entry["delete"] = True
            resources.insert(index, created)
            return
    resources.append(created)


def _resource(entry: dict[str, Any]) -> StateResource:
    custom = bool(entry.get("custom"))
    rendered = is_rendered(entry["type"], custom=custom)
    return StateResource(
        urn=entry["urn"],
        type=entry["type"],
        name=name_of(entry["urn"]),
        id=entry.get("id", ""),
        parent=entry.get("parent", ""),
        protect=bool(entry.get("protect")),
        custom=custom or rendered,
        rendered=rendered,
        inputs=plain(entry.get("inputs") or {}),
        outputs=plain(entry.get("outputs") or {}),
    )


def plain(value: Any) -> Any:
    """A property value of `stack export --show-secrets`, whose secrets are JSON text in an envelope."""
    match value:
        case dict() if value.get(_SIGNATURE) == _SECRET:
            return Secret(json.loads(value["plaintext"]) if "plaintext" in value else None)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value
