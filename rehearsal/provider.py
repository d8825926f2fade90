"""What an embedded provider is: one small protocol, spoken by the in-process monitor and by the engine's gRPC alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from rehearsal.values import Props


class Rejected(Exception):
    """The cloud refuses a request: a value it does not take, or a type it does not know. The message is for people."""


@dataclass(frozen=True, kw_only=True)
class State:
    """A live resource: its provider-assigned id, the inputs as the cloud holds them, and its outputs."""

    id: str
    inputs: Props
    outputs: Props


@dataclass(frozen=True, kw_only=True)
class Diff:
    """The input keys that changed, and those among them that only a replacement can change."""

    changed: frozenset[str] = field(default_factory=frozenset)
    replaces: frozenset[str] = field(default_factory=frozenset)


class Provider(Protocol):
    """One package of resource types. Property maps are plain values: secrets opened, unknowns only in `check`.

    Every method raises `Rejected` for what the real service would refuse.
    """

    def check(self, urn: str, token: str, inputs: Props) -> None: ...

    def create(self, urn: str, token: str, inputs: Props) -> State: ...

    def read(self, urn: str, token: str, state: State) -> State | None:
        """The resource as it is now, `None` when it is gone."""

    def diff(self, token: str, state: State, inputs: Props) -> Diff: ...

    def update(self, urn: str, token: str, state: State, inputs: Props) -> State: ...

    def delete(self, urn: str, token: str, state: State) -> None: ...

    def invoke(self, token: str, args: Props) -> Props: ...

    def secret_outputs(self, token: str) -> frozenset[str]:
        """Outputs that are secret whatever the inputs were, such as a generated password."""


@runtime_checkable
class Adopts(Protocol):
    """A provider that lets a stack take over what somebody else made."""

    def found(self, token: str, identifier: str) -> State | None:
        """What somebody else made, for a stack that takes it over: its inputs as the cloud shows them."""

    def as_declared(self, token: str, identifier: str, inputs: Props) -> Props:
        """Of such a resource, what the cloud has of each of the inputs, in their form; equal ones are the same."""


def changed_keys(old: Props, new: Props) -> frozenset[str]:
    """The keys whose values differ between two property maps, absent and null being the same."""
    return frozenset(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
