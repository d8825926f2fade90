"""How slow this machine is just now, so that a limit of time means the same on every one.

The limits were set on two quiet cores. A machine that others share takes up to twice as long for the same work, for minutes on end,
and may change its speed within a second.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterable

_ON_QUIET_CORES = 0.16
"""Seconds that `_work` would take where the limits were set, and where the whole prod stack took 7.5 s in process.

Measured side by side on another machine, the stack takes 40 to 54 times as long as `_work`.
"""


def one_within(limit: float, tries: Iterable[float]) -> str:
    """What is wrong when none of the tries, each in seconds, keeps the limit; a machine may be busy during one of them."""
    told = []
    for took in tries:
        slow = slowness()
        if took < limit * slow:
            return ""
        told.append(f"{took:.1f} s on a machine that is {slow:.1f} times as slow as those that {limit} s were set on")
    return "; ".join(told)


def slowness() -> float:
    """How many times as long as there the same work takes now, never less than 1."""
    return max(1.0, max(_timed() for _ in range(6)) / _ON_QUIET_CORES)


def _timed() -> float:
    started = time.perf_counter()
    _work()
    return time.perf_counter() - started


def _work() -> None:
    """What a rehearsal does most: structures are made, copied, written and read."""
    rows = [
        {"name": f"row-{i}", "tags": {str(j): j * i for j in range(8)}, "of": [i, str(i), None]} for i in range(8000)
    ]
    again = json.loads(json.dumps(copy.deepcopy(rows), sort_keys=True))
    assert again == rows
