"""Nearly all that a run makes stays until its end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = (50_000, 1_000, 1_000)


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """To look for garbage as often as usual would take a fifth of a run's time, and to look again at what stayed another fifth."""
    threshold = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)


@contextmanager
def making_what_stays() -> Iterator[None]:
    """As above, in a process of one run: when the block ends, what it made is never looked through again, garbage or not."""
    with collecting_rarely():
        yield
        gc.freeze()
