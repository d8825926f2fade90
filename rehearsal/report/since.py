"""What differs from the run before: two saved recordings, compared without what an account makes up anew each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{5,}")
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Logical names, sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def lines(self) -> list[str]:
        """One line for each kind of difference, or that there is none."""
        parts = (("added", self.added), ("removed", self.removed), ("changed", self.changed))
        return [f"{len(names)} {word}: {_listed(names)}" for word, names in parts if names] or ["nothing"]


def since(before: Path, now: Path) -> Difference | None:
    """How `resources.json` of this run differs from the last good one's; `None` where there is none."""
    try:
        old, new = _read(before), _read(now)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Difference(
        added=_names(new.keys() - old.keys()),
        removed=_names(old.keys() - new.keys()),
        changed=_names(urn for urn in new.keys() & old.keys() if new[urn] != old[urn]),
    )


def _read(path: Path) -> dict[str, str]:
    """Each resource's inputs by its URN, without the words that only the account made."""
    resources: Sequence[Mapping[str, Any]] = json.loads(path.read_text())["resources"]
    made = set().union(*map(_made_up, resources))
    return {
        one["urn"]: _WORD.sub(
            lambda word: "·" if word[0] in made else word[0], json.dumps(one["inputs"], sort_keys=True)
        )
        for one in resources
    }


def _made_up(resource: Mapping[str, Any]) -> set[str]:
    """Words with a digit that are in what came of a resource, and not in what was asked for."""
    came = json.dumps([resource["id"], resource["outputs"]])
    asked = set(_WORD.findall(json.dumps(resource["inputs"])))
    return {word for word in _WORD.findall(came) if any(map(str.isdigit, word))} - asked


def _names(urns: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(urn.rsplit("::", 1)[-1] for urn in urns))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
