"""One package per document, the delivery of the platform itself, and the registry that `platform.systems` chooses from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from infra.contract import Cluster, Tenant
from infra.exports import SystemOutputs
from infra.settings import Settings, SettingsError
from infra.systems import delivery, eco2, exchange, gateway_lab, immersiverse, wealist


@dataclass(frozen=True, kw_only=True)
class Alone:
    """A system that needs no other."""

    build: Callable[[Settings], SystemOutputs]


@dataclass(frozen=True, kw_only=True)
class Host:
    """The system whose cluster the tenants live in; without a tenant it stands alone."""

    build: Callable[[Settings, Sequence[Tenant]], eco2.Standing]


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A tenant (infra/contract.py): what it asks of the cluster, then itself on what the cluster hands out."""

    declare: Callable[[Settings], Tenant]
    build: Callable[[Settings, Cluster], SystemOutputs]


System = Alone | Host | Guest
Registry = Mapping[str, System]

REGISTRY: Registry = {
    "wealist": Alone(build=wealist.build),
    "eco2": Host(build=eco2.build),
    "exchange": Guest(declare=exchange.declare, build=exchange.build),
    "gateway_lab": Guest(declare=gateway_lab.declare, build=gateway_lab.build),
    "immersiverse": Guest(declare=immersiverse.declare, build=immersiverse.build),
    "delivery": Alone(build=delivery.build),
}


def build_systems(settings: Settings, registry: Registry = REGISTRY) -> dict[str, SystemOutputs]:
    """Build the stack's systems, tenants after their cluster; their outputs, by system, as the stack names them."""
    chosen: Registry = {system: registry[system] for system in settings.platform.systems}
    guests: Mapping[str, Guest] = {system: one for system, one in chosen.items() if isinstance(one, Guest)}
    _check_guests(settings, chosen, guests)
    bounded = delivery.with_boundary(settings)
    tenants = [guest.declare(bounded) for guest in guests.values()]
    outputs: dict[str, SystemOutputs] = {}
    clusters: Mapping[str, Cluster] = {}
    for system, one in chosen.items():
        if isinstance(one, Host):
            standing = one.build(bounded, tenants)
            outputs[system], clusters = standing.outputs, standing.clusters
        elif isinstance(one, Alone):
            outputs[system] = one.build(bounded)
    for system, guest in guests.items():
        outputs[system] = guest.build(bounded, clusters[system])
    return {system: outputs[system] for system in chosen}


def _check_guests(settings: Settings, chosen: Registry, guests: Mapping[str, Guest]) -> None:
    if not guests:
        return
    hosts = [system for system, one in REGISTRY.items() if isinstance(one, Host)]
    names = ", ".join(guests)
    found = []
    if not any(isinstance(one, Host) for one in chosen.values()):
        found.append(f"platform.systems: {names} — allowed: beside {' or '.join(hosts)}, in whose cluster they live")
    elif settings.eco2 is not None and settings.eco2.tenant_workers is None:
        found.append(f"eco2.tenant_workers: missing; add the section: the nodes that {names} run on")
    if found:
        raise SettingsError(f"Pulumi.{settings.stack}.yaml", found)
