"""What outsiders find and stays as it is: `findings.yaml`, no more and no less than what they find, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

FILE = Path(__file__).with_name("findings.yaml")
Judge = Literal["checkov", "kube-score", "kubeconform", "parliament", "trivy"]
Found = set[tuple[str, str]]
"""Checks, each with the resource that it finds wanting."""


class Listed(BaseModel):
    """One check's findings that stay, by patterns of resources, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    judge: Judge
    check: str
    resources: Annotated[tuple[str, ...], Field(min_length=1)]
    reason: Annotated[str, Field(min_length=30)]


def listed(path: Path = FILE) -> list[Listed]:
    return TypeAdapter(list[Listed]).validate_python(yaml.load(path.read_text(), Loader=yaml.CSafeLoader))


def unexplained(judge: str, found: Found, entries: Iterable[Listed]) -> list[str]:
    """What is found and not listed."""
    mine = [one for one in entries if one.judge == judge]
    return sorted(
        f"{check} {resource}"
        for check, resource in found
        if not any(one.check == check and any(fnmatchcase(resource, name) for name in one.resources) for one in mine)
    )


def stale(judge: str, found: Found, entries: Iterable[Listed]) -> list[str]:
    """What is listed and no longer found, pattern by pattern."""
    return sorted(
        f"{one.check} {pattern}"
        for one in entries
        if one.judge == judge
        for pattern in one.resources
        if not any(one.check == check and fnmatchcase(resource, pattern) for check, resource in found)
    )
