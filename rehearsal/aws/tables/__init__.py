"""Facts about AWS as packages state them that are too large to be read here; `tests/witness/tables.py` writes them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """The table of this name, whose `source` says which package of which version it is from."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return found
