"""Tags: set on every resource explicitly, so that tests and previews see them (a provider's default tags never show)."""

from __future__ import annotations

from collections.abc import Mapping

Tags = Mapping[str, str]


def base_tags(*, system: str, stack: str, extra: Tags) -> dict[str, str]:
    """What every resource of a system carries; `extra` comes from the stack file (owner, cost centre)."""
    return {**extra, "Project": "edge-platform", "System": system, "Environment": stack, "ManagedBy": "pulumi"}


def named(tags: Tags, name: str) -> dict[str, str]:
    """The tags with `Name`, the one the console shows."""
    return {**tags, "Name": name}
