"""What a danger is, and how texts carry names and values that may come from anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from rehearsal.preview.snapshot import Resource
from rehearsal.preview.values import ABSENT

OPEN, CLOSE = "\x02", "\x03"
"""Around a name or a value in a text: whoever shows the text shows what is between them literally."""

_MOST = 6


class Rank(IntEnum):
    """How bad, the worst first."""

    LOSS = 0
    EXPOSED = 1
    WIDENED = 2
    UNPROTECTED = 3


TITLES = {
    Rank.LOSS: "Data would be lost",
    Rank.EXPOSED: "Open to the world",
    Rank.WIDENED: "More is allowed than before",
    Rank.UNPROTECTED: "A protection is dropped",
}


@dataclass(frozen=True, kw_only=True)
class Danger:
    """What is in danger, why, and what to do about it, as texts with `quoted` values. `order` is the place within the rank."""

    rank: Rank
    resource: Resource
    what: str
    why: str
    remedy: str
    order: int = 0


def quoted(value: Any) -> str:
    """The value for a text, to be shown literally: `on`, `off`, and a list's items each by itself."""
    match value:
        case list() | tuple() | set() | frozenset():
            return listed(value)
        case None:
            return _marked(str(ABSENT))
        case bool():
            return _marked("true" if value else "false")
        case Mapping():
            return _marked(", ".join(f"{key}: {item}" for key, item in value.items()))
        case _:
            return _marked(str(value))


def listed(values: Iterable[Any]) -> str:
    """Some of them, and how many more there are."""
    every = list(values)
    some = ", ".join(quoted(value) for value in every[:_MOST])
    return f"{some} and {len(every) - _MOST} more" if len(every) > _MOST else some or _marked("nothing")


def _marked(text: str) -> str:
    return OPEN + "".join(sign for sign in text if sign.isprintable() or sign == " ") + CLOSE
