"""What a program registered: plain data to assert on, to draw, and to compare."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from rehearsal.values import Props, Secret, reveal


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as registered: `inputs` keep their `Secret` marks, `outputs` are plain.

    `custom` is what is no component: something in the cloud or, `rendered`, a Kubernetes object that is only a file.
    """

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    provider: str
    protect: bool
    dependencies: frozenset[str]
    property_dependencies: dict[str, frozenset[str]]
    ignore_changes: tuple[str, ...]
    aliases: tuple[str, ...]
    delete_before_replace: bool
    retain_on_delete: bool
    inputs: Props
    rendered: bool = False
    id: str = ""
    outputs: Props = field(default_factory=dict)

    def __getitem__(self, path: str) -> Any:
        """The plain input at a dotted path: `resource["healthCheck.path"]`; a missing one is `KeyError`, list items go by index."""
        value: Any = self.inputs
        for part in path.split("."):
            inside = value.value if isinstance(value, Secret) else value
            value = inside[int(part)] if isinstance(inside, list) else inside[part]
        return reveal(value)

    def get(self, path: str, default: Any = None) -> Any:
        try:
            return self[path]
        except (KeyError, IndexError, TypeError, ValueError):
            return default


class Recording:
    """The resources of one run, in the order in which they were registered, and the stack's outputs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_urn: dict[str, Registered] = {}
        self._failures: list[str] = []
        self.stack_outputs: Props = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without the lock, which is this process's."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    def add(self, resource: Registered) -> None:
        """Remember a registration; `ValueError` for a URN that is taken (the engine refuses it, mocks do not)."""
        with self._lock:
            if resource.urn in self._by_urn:
                raise ValueError(
                    f"two resources are named '{resource.name}' ({resource.type}): logical names are unique"
                )
            self._by_urn[resource.urn] = resource

    def complete(self, urn: str, **changes: Any) -> None:
        with self._lock:
            if urn in self._by_urn:
                self._by_urn[urn] = replace(self._by_urn[urn], **changes)

    def fail(self, message: str) -> None:
        with self._lock:
            self._failures.append(message)

    @property
    def failures(self) -> tuple[str, ...]:
        return tuple(self._failures)

    def __iter__(self) -> Iterator[Registered]:
        return iter(tuple(self._by_urn.values()))

    def __len__(self) -> int:
        return len(self._by_urn)

    def part(self, system: str) -> Recording:
        """What one system registered: by the rule, what has its name in front."""
        part = Recording()
        for resource in self:
            if resource.name.startswith(f"{system}-"):
                part.add(resource)
        part.stack_outputs = dict(self.stack_outputs.get(system) or {})
        return part

    def of(self, type_: str) -> list[Registered]:
        """Every resource of a type; a custom resource's may be shortened to its last part, `Vpc`."""
        return [one for one in self if one.type == type_ or (one.custom and one.type.split(":")[-1] == type_)]

    def one(self, type_: str, name: str | None = None) -> Registered:
        """The only resource of that type (and logical name); `LookupError` lists what there is."""
        found = [resource for resource in self.of(type_) if name is None or resource.name == name]
        if len(found) != 1:
            names = ", ".join(resource.name for resource in self.of(type_)) or "none"
            raise LookupError(f"{len(found)} of {type_} named {name or 'anything'}; there are: {names}")
        return found[0]

    def __getitem__(self, urn: str) -> Registered:
        return self._by_urn[urn]
