"""What a run leaves on disk: the recording as JSON, sorted and with every secret masked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rehearsal.random import RandomProvider
from rehearsal.recording import Recording, Registered
from rehearsal.report.facts import MASK
from rehearsal.tls import TlsProvider
from rehearsal.values import Secret

_GENERATED: Mapping[str, frozenset[str]] = {**RandomProvider.secrets, **TlsProvider.secrets}
_SHORTEST = 6


class Masker:
    """Masks what is marked as secret, and generated or configured secrets wherever their text turns up."""

    def __init__(self, recording: Recording, configured: Iterable[str] = ()) -> None:
        generated = [
            str(resource.outputs.get(key))
            for resource in recording
            for key in _GENERATED.get(resource.type, frozenset())
            if resource.outputs.get(key)
        ]
        self._texts = sorted({text for text in (*generated, *configured) if len(text) >= _SHORTEST}, key=len)[::-1]
        self._seen: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        match value:
            case Secret():
                return MASK
            case dict():
                return {key: self(item) for key, item in value.items()}
            case list() | tuple():
                return [self(item) for item in value]
            case str():
                # A stack says the same few thousand texts over and over.
                if value not in self._seen:
                    self._seen[value] = self._without_secrets(value)
                return self._seen[value]
            case _:
                return value

    def outputs(self, resource: Registered) -> Any:
        """The outputs: one is secret when the input of its name is."""
        return {
            key: MASK if isinstance(resource.inputs.get(key), Secret) else self(value)
            for key, value in resource.outputs.items()
        }

    def _without_secrets(self, value: str) -> str:
        for text in self._texts:
            value = value.replace(text, MASK)
        return value


def save_recording(path: Path, recording: Recording, mask: Masker) -> None:
    """Write `resources.json`: the stack's outputs and its resources by URN."""
    content = {
        "outputs": mask(recording.stack_outputs),
        "resources": [_saved(resource, mask) for resource in sorted(recording, key=lambda resource: resource.urn)],
    }
    # In one piece, with all that it is put together from, it would be the most that a rehearsal holds.
    with path.open("w") as file:
        json.dump(content, file, indent=2, sort_keys=True, ensure_ascii=False, default=str)
        file.write("\n")


def _saved(resource: Registered, mask: Masker) -> dict[str, Any]:
    return {
        "urn": resource.urn,
        "type": resource.type,
        "name": resource.name,
        "parent": resource.parent,
        "custom": resource.custom,
        "provider": resource.provider.rsplit("::", 1)[0],
        "protect": resource.protect,
        "dependencies": sorted(resource.dependencies),
        "id": mask(resource.id),
        "inputs": mask(resource.inputs),
        "outputs": mask.outputs(resource),
    }
