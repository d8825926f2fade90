"""A place in memory for what tests write, where the machine has one that is good enough."""

from __future__ import annotations

import os
from pathlib import Path

_PLACE = Path("/dev/shm")  # noqa: S108 - who may write there is as with /tmp
_ENOUGH = 2 << 30


def folder_in_memory(place: Path = _PLACE) -> Path | None:
    """None where there is none, where it is small, or where nothing may be executed, as in most containers."""
    if not os.access(place, os.W_OK | os.X_OK):
        return None
    found = os.statvfs(place)
    return place if found.f_bavail * found.f_frsize >= _ENOUGH and not found.f_flag & os.ST_NOEXEC else None
