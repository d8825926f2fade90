"""Writes what the embedded cloud takes from packages that are too large for it to read: `python -m tests.witness.tables`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.witness import cdk
from tools.cdk import cdk_version

FOLDER = Path(__file__).resolve().parents[2] / "rehearsal/aws/tables"


def tables() -> dict[str, dict[str, Any]]:
    """Name → what the table of that name says now."""
    return {"cloudfront": {"source": f"aws-cdk-lib {cdk_version()}", **cdk.managed_cloudfront_policies()}}


def written(table: dict[str, Any]) -> str:
    return json.dumps(table, indent=2) + "\n"


if __name__ == "__main__":
    for name, table in tables().items():
        (FOLDER / f"{name}.json").write_text(written(table))
