"""One module per document, the delivery of the platform itself, and the registry that `platform.systems` chooses from."""

from __future__ import annotations

from collections.abc import Callable

from infra.exports import SystemOutputs
from infra.settings import Settings
from infra.systems import delivery, eco2, wealist

REGISTRY: dict[str, Callable[[Settings], SystemOutputs]] = {
    "wealist": wealist.build,
    "eco2": eco2.build,
    "delivery": delivery.build,
}


def build_systems(settings: Settings) -> dict[str, SystemOutputs]:
    """Build the stack's systems in the order in which it names them; their outputs, by system."""
    bounded = delivery.with_boundary(settings)
    return {system: REGISTRY[system](bounded) for system in settings.platform.systems}
