"""What kind of stack it is, which says what is demanded of it: `platform.tier` of its configuration."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PRODUCTION, THROWAWAY = "production", "throwaway"
TIERS = (PRODUCTION, THROWAWAY)
_KEY = "edge-platform:platform"
_ROOT = Path(__file__).resolve().parents[1]


@cache
def tier_of(stack: str) -> str:
    """The tier of a stack: as the engine that runs the pack has configured it, or as its file says.

    A stack that says nothing, or of which nothing is known, is production: nothing is exempted by mistake.
    """
    if os.environ.get("PULUMI_STACK") == stack:
        platform = json.loads(os.environ.get("PULUMI_CONFIG") or "{}").get(_KEY)
    else:
        platform = _in_file(_ROOT / f"Pulumi.{stack}.yaml")
    return _tier(json.loads(platform) if isinstance(platform, str) else platform)


def _in_file(path: Path) -> Any:
    try:
        return (yaml.safe_load(path.read_text()) or {}).get("config", {}).get(_KEY)
    except OSError:
        return None


def _tier(platform: Any) -> str:
    tier = platform.get("tier") if isinstance(platform, dict) else None
    return tier if tier in TIERS else PRODUCTION
