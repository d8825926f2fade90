"""Made-up ids in what people read: `${wealist-network-vpc.id}` in place of `vpc-0a1b…`, which is no id of any account."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from rehearsal.preview.snapshot import Resource, Snapshot
from rehearsal.preview.values import leaves

_CHUNK = re.compile(r"[A-Za-z0-9-]+")
_OWN = ("id", "arn")


class References:
    """The values of one side that its cloud made up. `label` names a resource, the same on both sides."""

    def __init__(self, snapshot: Snapshot, label: Callable[[Resource], str]) -> None:
        every = [(resource, key, value) for resource in snapshot for key, value in resource.made_up]
        claims = Counter(value for _, _, value in every)
        # Whose id or ARN it is, it is of; whatever the order in which a program registers things.
        found = sorted(every, key=lambda one: (one[1] not in _OWN, one[1], one[0].urn))
        self._owner: dict[str, tuple[str, str]] = {}
        self._by_chunk: dict[str, list[str]] = {}
        for resource, key, value in found:
            if value not in self._owner and (key in _OWN or claims[value] == 1):
                self._owner[value] = (resource.urn, f"{label(resource)}.{key}")
                self._by_chunk.setdefault(_longest(value), []).append(value)

    def within(self, value: Any) -> Iterator[tuple[str, str]]:
        """The made-up values in it, the longest first, each with the URN of the resource that it is of."""
        found = {one for _, leaf in leaves(value) if isinstance(leaf, str) for one in self._candidates(leaf)}
        for one in sorted(found, key=lambda text: (-len(text), text)):
            yield one, self._owner[one][0]

    def readable(self, value: Any, new: Mapping[str, Any] | frozenset[str] = frozenset()) -> Any:
        """The value with references in place of made-up values; those of the resources in `new` (URNs) say so."""
        match value:
            case str():
                return self._text(value, new)
            case Mapping():
                return {key: self.readable(item, new) for key, item in value.items()}
            case list():
                return [self.readable(item, new) for item in value]
            case _:
                return value

    def _text(self, text: str, new: Mapping[str, Any] | frozenset[str]) -> str:
        for one in sorted(self._candidates(text), key=lambda found: (-len(found), found)):
            urn, name = self._owner[one]
            text = text.replace(one, f"${{{name} of the new one}}" if urn in new else f"${{{name}}}")
        return text

    def _candidates(self, text: str) -> set[str]:
        chunks = set(_CHUNK.findall(text))
        return {value for chunk in chunks for value in self._by_chunk.get(chunk, ()) if value in text}


@cache
def _longest(value: str) -> str:
    """The part to look it up by: the longest that has a digit, or the longest."""
    chunks: list[str] = _CHUNK.findall(value) or [value]
    return max(chunks, key=lambda chunk: (any(sign.isdigit() for sign in chunk), len(chunk), chunk))
