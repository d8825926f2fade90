"""The stack's outputs: its public contract, one mapping per system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

SystemOutputs = Mapping[str, pulumi.Input[Any]]


def export_outputs(systems: Mapping[str, SystemOutputs]) -> None:
    """Export each system's outputs under the system's name."""
    for system, outputs in systems.items():
        pulumi.export(system, dict(outputs))
