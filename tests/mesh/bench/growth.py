"""What a change costs as services grow: copies of eco2's APIs, each with its namespace, Service, route and policies."""

from __future__ import annotations

import copy
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.systems.eco2.document import API_PORT, SERVICES
from tests.mesh import eco2
from tests.mesh.bench.behind import Fast
from tests.mesh.bench.variants import TARGET, request_headers
from tests.mesh.eco2_cases import HOST
from tests.mesh.manifests import Manifest, named, without
from tests.mesh.processes import wait_until
from tests.mesh.rig import Edge, Workload, endpoints

MARK = "x-release"
_RECEIVED = "cluster.xds-grpc.upstream_cx_rx_bytes_total"
_SILENT = 4
"""Looks, 0.2 s apart, that find the same."""
_OWN = (("Namespace", "{}"), ("Service", "{}-api"), ("VirtualService", "{}-vs"), ("DestinationRule", "{}-api"),
        ("AuthorizationPolicy", "{}-api"))  # fmt: skip
"""What an API has of its own, and what each is called."""


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A mesh with so many services: its first configuration, and changes of one route of it."""

    size: int
    services: int
    configured_seconds: float
    configuration_bytes: int
    allocated_bytes: int
    change_ms: Sequence[float]
    change_bytes: Sequence[int]

    @property
    def median_change_ms(self) -> float:
        return statistics.median(self.change_ms)


def grown(rendered: Sequence[Manifest], size: int) -> list[Manifest]:
    """The rendered mesh with `size` times as many APIs."""
    originals = {service: [named(rendered, kind, name.format(service)) for kind, name in _OWN] for service in SERVICES}
    copies = [
        one for number in range(1, size) for service in SERVICES for one in _copy(originals[service], service, number)
    ]
    return [*_opened(rendered, size), *copies]


def _opened(rendered: Sequence[Manifest], size: int) -> list[Manifest]:
    """With the copies' namespaces among those whose routes the API's Gateway takes."""
    gateway = copy.deepcopy(named(rendered, "Gateway", "eco2-gateway"))
    more = [f"{service}-{number}/{HOST}" for number in range(1, size) for service in SERVICES]
    gateway["spec"]["servers"][0]["hosts"] += more
    return [*without(rendered, "Gateway", "eco2-gateway"), gateway]


def measure(
    behind: Fast, rendered: Sequence[Manifest], size: int, folder: Path, *, changes: int, tell: Callable[[str], None]
) -> Grown:
    """Stand the mesh up at that size, and change a route so many times."""
    tell(f"{size} ×: starting")
    objects = grown(rendered, size)
    with Edge(behind, eco2.gateway(objects), objects, eco2.mesh_configuration(objects), folder) as edge:
        configuration = _settled(edge)
        if problems := edge.problems():
            raise RuntimeError(f"{size} ×: {problems[0]}")
        allocated = edge.allocated_bytes()
        made = []
        for number in range(changes):
            tell(f"{size} ×: change {number + 1} of {changes}")
            made.append(_change(edge, rendered, f"{size}-{number}"))
        return Grown(
            size=size,
            services=size * len(SERVICES),
            configured_seconds=edge.configured_in,
            configuration_bytes=configuration,
            allocated_bytes=allocated,
            change_ms=[took for took, _ in made],
            change_bytes=[received for _, received in made],
        )


def _copy(originals: Sequence[Manifest], service: str, number: int) -> Iterator[Manifest]:
    name = f"{service}-{number}"
    for original in originals:
        made = _renamed(original, re.compile(rf"\b{service}\b"), name)
        yield made
        if made["kind"] == "Service":
            # Of a network that is not there: nobody calls it.
            index = SERVICES.index(service)
            address = f"10.{128 + index}.{number // 250}.{number % 250 + 1}"
            yield from endpoints(Workload(name=f"{name}-api", namespace=name, port=API_PORT), address, made)


def _renamed(value: Any, pattern: re.Pattern[str], name: str) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(one, pattern, name) for key, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, pattern, name) for one in value]
    return pattern.sub(name, value) if isinstance(value, str) else value


def _change(edge: Edge, rendered: Sequence[Manifest], mark: str) -> tuple[float, int]:
    """Milliseconds from the control plane's getting a route to the gateway's serving it, and the bytes that were sent."""
    route = copy.deepcopy(named(rendered, "VirtualService", "my-vs"))
    route["spec"]["http"][0]["headers"] = {"response": {"set": {MARK: mark}}}
    before = edge.stat(_RECEIVED)
    got = edge.change(route)
    headers = [(name, value) for name, value in request_headers() if name != "Host"]
    wait_until(lambda: edge.send("GET", TARGET, headers, host=HOST).headers.get(MARK) == mark, "the change")
    took = (time.time_ns() - got) / 1e6
    return took, _settled(edge) - before


def _settled(edge: Edge) -> int:
    """Bytes that the gateway got from its control plane, once none came for a while."""
    seen: list[int] = []

    def silent() -> bool:
        time.sleep(0.2)
        seen.append(edge.stat(_RECEIVED))
        return len(seen) > _SILENT and len(set(seen[-_SILENT:])) == 1

    wait_until(silent, "the control plane to fall silent")
    return seen[-1]
