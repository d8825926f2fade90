"""Changes of a snapshot, each as somebody's pull request would make it to the program."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from rehearsal.preview.snapshot import Resource, Snapshot
from tests.policy.broken import changed

Edit = Callable[[Snapshot], Snapshot]


def find(snapshot: Snapshot, type_: str, name: str) -> Resource:
    """The resource of that logical name; of the type only the last part is needed."""
    found = [one for one in snapshot if one.name == name and one.type.split(":")[-1] == type_]
    return min(found, key=lambda one: not one.custom)


def with_(snapshot: Snapshot, *resources: Resource) -> Snapshot:
    """The snapshot with these in place of those that have their URNs, or besides."""
    return replace(snapshot, resources={**snapshot.resources, **{one.urn: one for one in resources}})


def edited(type_: str, name: str, change: Mapping[str, Any], **options: Any) -> Edit:
    """Inputs at dotted paths get other values; `...` removes one."""

    def edit(snapshot: Snapshot) -> Snapshot:
        was = find(snapshot, type_, name)
        return with_(snapshot, replace(was, inputs=changed(was.inputs, change), **options))

    return edit


def document(type_: str, name: str, key: str, change: Callable[[list[dict[str, Any]]], object]) -> Edit:
    """The statements of a policy document are changed in place."""

    def edit(snapshot: Snapshot) -> Snapshot:
        was = find(snapshot, type_, name)
        content = json.loads(was.inputs[key])
        change(content["Statement"])
        return with_(snapshot, replace(was, inputs={**was.inputs, key: json.dumps(content)}))

    return edit


def removed(type_: str, name: str) -> Edit:
    def edit(snapshot: Snapshot) -> Snapshot:
        urn = find(snapshot, type_, name).urn
        return replace(snapshot, resources={key: one for key, one in snapshot.resources.items() if key != urn})

    return edit


def added(type_: str, like: str, name: str, change: Mapping[str, Any]) -> Edit:
    """One more resource, made after one that is there."""

    def edit(snapshot: Snapshot) -> Snapshot:
        model = find(snapshot, type_, like)
        urn = model.urn.removesuffix(like) + name
        return with_(
            snapshot, replace(model, urn=urn, name=name, id=f"new-{name}", inputs=changed(model.inputs, change))
        )

    return edit


def renamed(type_: str, name: str, to: str, *, alias: bool = False) -> Edit:
    """Another logical name, with or without an alias for the old one."""

    def edit(snapshot: Snapshot) -> Snapshot:
        was = find(snapshot, type_, name)
        urn = was.urn.removesuffix(name) + to
        now = replace(was, urn=urn, name=to, aliases=(was.urn,) if alias else ())
        return replace(
            snapshot, resources={key: one for key, one in snapshot.resources.items() if key != was.urn} | {urn: now}
        )

    return edit


def together(*edits: Edit) -> Edit:
    def edit(snapshot: Snapshot) -> Snapshot:
        for one in edits:
            snapshot = one(snapshot)
        return snapshot

    return edit
