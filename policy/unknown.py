"""Values that are not known before an update: a preview's resources have some, a rehearsed stack has none."""

from __future__ import annotations

from typing import Any

from pulumi_policy import proxy

_SENTINELS = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))


def watched(values: Any) -> Any:
    """The values, which raise `UnknownValueError` where an unknown one is read; where all are known, they are as they were:
    what watches is a copy of everything, with the path to each."""
    return proxy.unknown_checking_proxy(values) if _has_unknown(values) else values


def _has_unknown(value: Any) -> bool:
    match value:
        case str():
            return value in _SENTINELS
        case dict():
            return any(map(_has_unknown, value.values()))
        case list():
            return any(map(_has_unknown, value))
        case _:
            return False
