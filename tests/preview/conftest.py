"""The production stack as both sides of a preview, for tests that change one of them."""

from __future__ import annotations

import pytest

from rehearsal.preview.snapshot import Snapshot, taken
from rehearsal.recording import Recording


@pytest.fixture(scope="session")
def stack(prod: Recording) -> Snapshot:
    return taken(prod)
