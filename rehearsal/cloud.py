"""The embedded cloud: moto's AWS account and the embedded providers, behind one lock.

It outlives the engine that drives it: a create is remembered by URN until an engine shows that it has the answer, and a later
create of that URN gets the same resource (the part that client tokens play in AWS), so a killed engine orphans nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rehearsal.kubernetes import KubernetesProvider
from rehearsal.provider import Adopts, Diff, Provider, Rejected, State
from rehearsal.random import RandomProvider
from rehearsal.tls import TlsProvider
from rehearsal.values import Props

_MOTO_SETTINGS = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_ACM_VALIDATION_WAIT": "0",
    "MOTO_DISABLE_GLOBAL_CORS": "true",  # else every answer of a served cloud is for every web page
}


class Cloud:
    """One account in one region; `manifests` is where Kubernetes objects are written."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._lock = threading.RLock()
        self._live: dict[tuple[str, str], tuple[str, State]] = {}
        self._unanswered: dict[str, str] = {}
        self._adopted: dict[str, State] = {}

    @property
    def packages(self) -> frozenset[str]:
        return frozenset(self._providers)

    @property
    def providers(self) -> Mapping[str, Provider]:
        return self._providers

    @property
    def live(self) -> dict[str, State]:
        """Every resource that exists, by URN; of a resource and the one that is to replace it, the latter."""
        with self._lock:
            return {urn: state for (urn, _), (_, state) in self._live.items()}

    def left(self) -> dict[str, State]:
        """What still exists, each asked for: what the engine retains may have gone with what held it, an object with its bucket."""
        with self._lock:
            known = list(self._live.items())
            return {urn: state for (urn, _), (token, state) in known if self.read(urn, token, state)}

    @property
    def unanswered(self) -> dict[str, str]:
        """The ids, by URN, of created resources that no engine has referred to since."""
        with self._lock:
            return dict(self._unanswered)

    def answered(self, urn: str, identifier: str) -> None:
        """An engine refers to the resource by its id: it is in that engine's state."""
        with self._lock:
            if self._unanswered.get(urn) == identifier:
                del self._unanswered[urn]

    def withdraw(self, urn: str) -> None:
        """Delete an unanswered create's resource: the half-made replacement of one that lives on."""
        with self._lock:
            token, state = self._live[urn, self._unanswered[urn]]
            self.delete(urn, token, state)

    def check(self, urn: str, token: str, inputs: Props) -> None:
        with self._lock:
            self._provider(token).check(urn, token, inputs)

    def create(self, urn: str, token: str, inputs: Props) -> State:
        with self._lock:
            lost = self._lost(urn, token)
            if lost and lost.inputs == inputs:
                return lost
            if lost:
                self.delete(urn, token, lost)
            state = self._remember(urn, token, self._provider(token).create(urn, token, inputs))
            self._unanswered[urn] = state.id
            return state

    def read(self, urn: str, token: str, state: State) -> State | None:
        with self._lock:
            remembered = self._live.get((urn, state.id))
            if remembered and not state.outputs:
                state = remembered[1]
            return self._provider(token).read(urn, token, state)

    def adopt(self, urn: str, token: str, identifier: str) -> State | None:
        """What the account has under the id, which this cloud did not make: an engine takes it over."""
        with self._lock:
            found = self._adopts(token).found(token, identifier)
            if found is not None:
                self._adopted[urn] = found
                self._remember(urn, token, found)
            return found

    def diff(self, urn: str, token: str, state: State, inputs: Props) -> Diff:
        with self._lock:
            return self._provider(token).diff(token, self._comparable(urn, token, state, inputs), inputs)

    def _comparable(self, urn: str, token: str, state: State, inputs: Props) -> State:
        """The state; of what was taken over, and not updated since, what the program's inputs can be compared with."""
        adopted = self._adopted.get(urn)
        if adopted is None or (adopted.id, adopted.inputs) != (state.id, state.inputs):
            return state
        return replace(state, inputs=self._adopts(token).as_declared(token, state.id, inputs))

    def update(self, urn: str, token: str, state: State, inputs: Props) -> State:
        with self._lock:
            state = self._comparable(urn, token, state, inputs)
            return self._remember(urn, token, self._provider(token).update(urn, token, state, inputs))

    def delete(self, urn: str, token: str, state: State) -> None:
        with self._lock:
            self._provider(token).delete(urn, token, state)
            self._live.pop((urn, state.id), None)
            self.answered(urn, state.id)

    def invoke(self, token: str, args: Props) -> Props:
        with self._lock:
            return self._provider(token).invoke(token, args)

    def secret_outputs(self, token: str) -> frozenset[str]:
        return self._provider(token).secret_outputs(token)

    def _lost(self, urn: str, token: str) -> State | None:
        """What an earlier create of the URN made, if its answer never arrived and it still exists."""
        known, state = self._live.get((urn, self._unanswered.get(urn, "")), ("", None))
        if state is None or known != token:
            return None
        return state if self.read(urn, token, state) else None

    def _remember(self, urn: str, token: str, state: State) -> State:
        self._live[urn, state.id] = (token, state)
        return state

    def _adopts(self, token: str) -> Adopts:
        provider = self._provider(token)
        if not isinstance(provider, Adopts):
            raise Rejected(f"{token}: the embedded cloud lets a stack take over AWS' resources alone")
        return provider

    def _provider(self, token: str) -> Provider:
        package = token.split(":", maxsplit=1)[0]
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
    from rehearsal.quick import save_time

    save_time()
    from moto import mock_aws

    from rehearsal.aws import SERVICES
    from rehearsal.aws.managed_policies import load_documents_on_demand
    from rehearsal.aws.provider import AwsProvider

    load_documents_on_demand()
    with mock_aws():
        yield Cloud(
            {
                "aws": AwsProvider(SERVICES, region=region),
                "random": RandomProvider(),
                "tls": TlsProvider(),
                "kubernetes": KubernetesProvider(manifests),
            }
        )
        # moto fills its backends once more when it ends.
        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "false"
