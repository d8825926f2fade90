"""What AWS's own service models, as botocore carries them, say of a single value: enum, pattern, length and range.

botocore itself checks only types, required members and minimums. EC2's model has no patterns; its prose says which
characters a text may have.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sized
from functools import cache
from typing import Any, NamedTuple

from botocore.model import Shape

from rehearsal.provider import Rejected

_SEPARATORS = r"\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_JAVA = (
    # `re` has no classes of letters and numbers alone; wherever AWS allows both it allows the underscore too.
    (r"\p{L}", r"\w"),
    (r"\p{N}", r"\w"),
    (r"\p{Z}", _SEPARATORS),
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),
)
_LENGTH = re.compile(r"Up to (\d+) characters in length")
_CHARACTERS = re.compile(r"(?:Allowed|Valid) characters(?: are|:) a-z, A-Z, 0-9, spaces, and (\S+?)(?:<|$)")


class Limits(NamedTuple):
    """`size` is what is measured: the length of a text, a list or a map, or a number itself."""

    enum: tuple[str, ...]
    low: int | None
    high: int | None
    pattern: re.Pattern[str] | None
    allowed: str
    sensitive: bool

    @property
    def bounds(self) -> str:
        if self.low is None or self.high is None:
            return f"at most {self.high}" if self.low is None else f"at least {self.low}"
        return f"between {self.low} and {self.high}"


@cache
def limits(shape: Shape) -> Limits:
    """Of a structure's member its own documentation counts too."""
    prose = html.unescape(shape.documentation or "") if shape.type_name == "string" else ""
    length, characters = _LENGTH.search(prose), _CHARACTERS.search(prose)
    pattern = str(shape.metadata.get("pattern") or "")
    if characters and not pattern:
        pattern = f"[a-zA-Z0-9 {re.escape(characters[1])}]*"
    return Limits(
        enum=tuple(getattr(shape, "enum", None) or ()),
        low=shape.metadata.get("min"),
        high=shape.metadata.get("max", int(length[1]) if length else None),
        pattern=compiled(pattern) if pattern else None,
        allowed=pattern,
        sensitive=bool(shape.metadata.get("sensitive")),
    )


def check_limits(shape: Shape, value: Any, path: str) -> None:
    """`Rejected` says which limit the value is outside of, and shows it unless it is a secret."""
    known = limits(shape)
    shown = "the value" if known.sensitive else repr(value if isinstance(value, (int, float)) else str(value)[:80])
    if known.enum and value not in known.enum:
        raise Rejected(f"{path}: {shown} is not one of {', '.join(known.enum)}")
    what, size = ("length of ", len(value)) if isinstance(value, Sized) else ("", value)
    if (known.low is not None and size < known.low) or (known.high is not None and size > known.high):
        raise Rejected(f"{path}: the {what}{shown} must be {known.bounds}, it is {size}")
    if known.pattern and isinstance(value, str) and not known.pattern.fullmatch(value):
        raise Rejected(f"{path}: {shown} does not match {known.allowed}, which is what AWS takes")


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as AWS writes it, for Python."""
    for java, python in _JAVA:
        pattern = pattern.replace(java, python)
    return re.compile(pattern, re.DOTALL)
