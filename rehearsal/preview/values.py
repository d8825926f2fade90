"""Looks into inputs: their leaves by path, JSON texts included, and which of them differ between two sides."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from rehearsal.report.facts import MASK

_INDEX = re.compile(r"\[\d+\]")
_SHORTEST_BASE64 = 24


@dataclass(frozen=True)
class Sealed:
    """In place of a secret: comparable, and of no use for anything else."""

    digest: str

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__


class _Absent:
    def __repr__(self) -> str:
        return "–"


ABSENT = _Absent()
"""Where one side has no such input; null counts as absent, as for the provider."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One input that differs, by its path: `ingress[0].cidrBlocks`. A list of plain values is one input."""

    path: str
    old: Any
    new: Any

    @property
    def plain_path(self) -> str:
        """The path without list indexes."""
        return _INDEX.sub("", self.path)

    @property
    def top(self) -> str:
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


def at(value: Any, path: str) -> Any:
    """The value at a dotted path, `None` where there is none."""
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def each(value: Any, path: str) -> Iterator[Any]:
    """Every value at a dotted path; lists on the way are gone through."""
    if isinstance(value, list):
        for item in value:
            yield from each(item, path)
    elif not path:
        if value is not None:
            yield value
    elif isinstance(value, Mapping):
        first, _, rest = path.partition(".")
        yield from each(value.get(first), rest)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value with its path, those in JSON texts too."""
    value = opened(value)
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """As `leaves`, but a list of plain values is one: what a `Difference` is about."""
    value = opened(value)
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from fields(item, f"{path}.{key}" if path else key)
    elif _is_structured(value):
        for index, item in enumerate(value):
            yield from fields(item, f"{path}[{index}]")
    else:
        yield path, value


def opened(value: Any) -> Any:
    """A JSON object or list in a text as what it says; other values as they are."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def decoded(value: Any) -> Any:
    """Text in base64 (user data) as text; other values as they are."""
    if not isinstance(value, str) or len(value) < _SHORTEST_BASE64:
        return value
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return value
    return text if text.isprintable() or "\n" in text else value


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """What differs, in the order of the inputs' names."""
    old, new = opened(old), opened(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif _is_structured(old) and _is_structured(new):
        yield from _in_lists(old, new, path)
    elif not is_same(old, new):
        yield Difference(path=path, old=_or_absent(old), new=_or_absent(new))


def is_same(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new) if isinstance(old, bool) or isinstance(new, bool) else old == new


def _in_lists(old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Difference]:
    """Items that stayed are found again wherever they are, so that one more in front does not change all behind it."""
    before, after = [_key(item) for item in old], [_key(item) for item in new]
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for step in range(max(j - i, m - k)):
            was = old[i + step] if i + step < j else None
            now = new[k + step] if k + step < m else None
            yield from differences(was, now, f"{path}[{k + step if now is not None else i + step}]")


def _key(item: Any) -> str:
    return json.dumps(
        item, sort_keys=True, default=lambda other: other.digest if isinstance(other, Sealed) else str(other)
    )


def _is_structured(value: Any) -> bool:
    """A list that holds more than plain values."""
    return isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value)


def _or_absent(value: Any) -> Any:
    return ABSENT if value is None else value
