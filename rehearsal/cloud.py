"""The embedded cloud: moto's AWS account and the embedded providers, behind one lock.

It outlives the engine that drives it: a create whose answer never reached a killed engine is remembered by URN, and the next
run's create of that URN gets the same resource (the part that client tokens play in AWS), so nothing is orphaned.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rehearsal.kubernetes import KubernetesProvider
from rehearsal.provider import Diff, Provider, Rejected, State
from rehearsal.random import RandomProvider
from rehearsal.tls import TlsProvider
from rehearsal.values import Props

_MOTO_SETTINGS = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_ACM_VALIDATION_WAIT": "0",
}


class Cloud:
    """One account in one region; `manifests` is where Kubernetes objects are written."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._lock = threading.RLock()
        self._live: dict[str, tuple[str, State]] = {}

    @property
    def packages(self) -> frozenset[str]:
        return frozenset(self._providers)

    @property
    def live(self) -> dict[str, State]:
        """Every resource that exists, by URN."""
        with self._lock:
            return {urn: state for urn, (_, state) in self._live.items()}

    def check(self, urn: str, token: str, inputs: Props) -> None:
        with self._lock:
            self._provider(token).check(urn, token, inputs)

    def create(self, urn: str, token: str, inputs: Props) -> State:
        with self._lock:
            lost = self._live.get(urn)
            if lost and lost[0] == token and lost[1].inputs == inputs and self.read(urn, token, lost[1]):
                return lost[1]
            return self._remember(urn, token, self._provider(token).create(urn, token, inputs))

    def read(self, urn: str, token: str, state: State) -> State | None:
        with self._lock:
            return self._provider(token).read(urn, token, state)

    def diff(self, token: str, state: State, inputs: Props) -> Diff:
        with self._lock:
            return self._provider(token).diff(token, state, inputs)

    def update(self, urn: str, token: str, state: State, inputs: Props) -> State:
        with self._lock:
            return self._remember(urn, token, self._provider(token).update(urn, token, state, inputs))

    def delete(self, urn: str, token: str, state: State) -> None:
        with self._lock:
            self._provider(token).delete(urn, token, state)
            remembered = self._live.get(urn)
            if remembered and remembered[1].id == state.id:
                del self._live[urn]

    def invoke(self, token: str, args: Props) -> Props:
        with self._lock:
            return self._provider(token).invoke(token, args)

    def secret_outputs(self, token: str) -> frozenset[str]:
        return self._provider(token).secret_outputs(token)

    def _remember(self, urn: str, token: str, state: State) -> State:
        self._live[urn] = (token, state)
        return state

    def _provider(self, token: str) -> Provider:
        package = token.split(":")[0]
        if package not in self._providers:
            raise Rejected(
                f"{token}: no embedded provider for the package '{package}'. The embedded cloud has "
                f"{', '.join(sorted(self._providers))}; add one in rehearsal/ and register it in rehearsal/cloud.py"
            )
        return self._providers[package]


@contextmanager
def open_cloud(*, region: str, account: str, manifests: Path) -> Iterator[Cloud]:
    """A fresh, empty cloud in this process, gone when the block ends."""
    os.environ.update(_MOTO_SETTINGS, MOTO_ACCOUNT_ID=account)
    from moto import mock_aws

    from rehearsal.aws import SERVICES
    from rehearsal.aws.provider import AwsProvider

    with mock_aws():
        yield Cloud(
            {
                "aws": AwsProvider(SERVICES, region=region),
                "random": RandomProvider(),
                "tls": TlsProvider(),
                "kubernetes": KubernetesProvider(manifests),
            }
        )
