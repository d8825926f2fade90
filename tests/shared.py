"""What is recorded once per run of the tests, by whichever of its processes needs it first."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable

import pytest

from rehearsal.recording import Recording
from tools.cache import only_one


def recorded_once(name: str, folders: pytest.TempPathFactory, record: Callable[[], Recording]) -> Recording:
    """What `record` records, unless another process of this run has; nothing outlives the run, so nothing can be stale."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return record()
    place = folders.getbasetemp().parent / f"{name}.recording"
    with only_one(place.with_suffix(".lock")):
        if place.exists():
            found: Recording = pickle.loads(place.read_bytes())  # noqa: S301 - written below
            return found
        recording = record()
        place.write_bytes(pickle.dumps(recording))
        return recording
