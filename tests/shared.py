"""What is made once per run of the tests, by whichever of its processes needs it first."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import TypeVar

import pytest

from tools.cache import only_one

_T = TypeVar("_T")


def made_once(name: str, folders: pytest.TempPathFactory, make: Callable[[], _T]) -> _T:
    """What `make` makes, unless another process of this run has; nothing outlives the run, so nothing can be stale."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return make()
    place = folders.getbasetemp().parent / f"{name}.made"
    with only_one(place.with_suffix(".lock")):
        if place.exists():
            found: _T = pickle.loads(place.read_bytes())  # noqa: S301 - written below
            return found
        made = make()
        place.write_bytes(pickle.dumps(made))
        return made
