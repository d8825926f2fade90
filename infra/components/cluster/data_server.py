"""What servers of data have in common: where things are in their pods, and how long they may take to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.components.cluster.metadata import Identity
from infra.components.cluster.pods import Placement, Resources, command_probe
from infra.components.cluster.stateful import Claim

OWNER = 999
"""The user of data in the official images of PostgreSQL, Redis and MongoDB."""

CONFIG, SCRIPTS, TLS, TMP = "/etc/server", "/etc/scripts", "/etc/tls", "/tmp"  # noqa: S108 - the pod's own
DATA = "data"
"""The claim, and the volume that it is."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Seconds between two looks, seconds for an answer, and how many in a row may fail."""

    period: int
    timeout: int
    failures: int


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a server may take to start, until it counts as stuck, and until nobody is sent to it."""

    startup: Probe
    liveness: Probe
    readiness: Probe

    def probes(self, command: tuple[str, ...]) -> dict[str, Mapping[str, Any]]:
        """A container's probes by that command."""
        return {
            f"{name}Probe": command_probe(
                command, periodSeconds=one.period, timeoutSeconds=one.timeout, failureThreshold=one.failures
            )
            for name, one in (("startup", self.startup), ("liveness", self.liveness), ("readiness", self.readiness))
        }


PROMPT = Patience(
    startup=Probe(period=5, timeout=3, failures=60),
    liveness=Probe(period=15, timeout=5, failures=6),
    readiness=Probe(period=5, timeout=3, failures=3),
)
"""For a server with a machine of its own."""

UNHURRIED = Patience(
    startup=Probe(period=5, timeout=10, failures=120),
    liveness=Probe(period=20, timeout=10, failures=6),
    readiness=Probe(period=10, timeout=10, failures=3),
)
"""For a server that has little of a processor: a probe is a program that has to be started too."""


@dataclass(frozen=True, kw_only=True)
class DataHome:
    """Where a system's servers of data stand, and their jobs beside them; `sidecar` is for the mesh's proxy in each pod.

    Volumes are of `storage_class`. With `protect`, Pulumi deletes no server.
    """

    placement: Placement
    sidecar: Resources
    storage_class: str
    protect: bool


@dataclass(frozen=True, kw_only=True)
class DataServerArgs:
    """`files` are its configuration. Systems say these one by one, and so alike: what a server gets is its own document's."""

    identity: Identity
    image: str
    port: int
    resources: Resources
    patience: Patience
    home: DataHome
    gib: int
    files: Mapping[str, str]
    grace_seconds: int = 60

    @property
    def claim(self) -> Claim:
        return Claim(name=DATA, storage_class=self.home.storage_class, gib=self.gib)
