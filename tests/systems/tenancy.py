"""Stacks of eco2 with one tenant in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from infra.settings import Settings, load_settings
from infra.systems import REGISTRY, Guest, build_systems

WORKERS: dict[str, Any] = {"eco2.tenant_workers": {"minimum": 1, "maximum": 2}}
"""The settings that a stack with tenants needs beside theirs."""


def with_guest(settings: Settings, *systems: str) -> Settings:
    """The settings of a stack that names those systems: a made-up one cannot stand in its file."""
    return replace(settings, platform=settings.platform.model_copy(update={"systems": [*systems]}))


def stack_with(system: str, guest: Guest | None = None) -> Callable[[], None]:
    """A program that builds eco2 and that tenant, which is the registry's unless it is given."""

    def program() -> None:
        build_systems(with_guest(load_settings(), "eco2", system), {**REGISTRY, **({system: guest} if guest else {})})

    return program
