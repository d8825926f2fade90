"""What a stack is configured with, where a judgement goes by it: as the engine that runs the pack says, or as the stack's file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_PLATFORM, _REGION = "edge-platform:platform", "aws:region"
_ROOT = Path(__file__).resolve().parents[1]


def platform_of(stack: str) -> Mapping[str, Any]:
    """The stack's `platform` section; an empty one where nothing is known of the stack."""
    platform = _config_of(stack).get(_PLATFORM)
    found = json.loads(platform) if isinstance(platform, str) else platform
    return found if isinstance(found, dict) else {}


def region_of(stack: str) -> str:
    """The AWS region that the stack lives in; empty where nothing is known of the stack."""
    return str(_config_of(stack).get(_REGION) or "")


@cache
def _config_of(stack: str) -> Mapping[str, Any]:
    if os.environ.get("PULUMI_STACK") == stack:
        found = json.loads(os.environ.get("PULUMI_CONFIG") or "{}")
    else:
        found = _in_file(_ROOT / f"Pulumi.{stack}.yaml")
    return found if isinstance(found, dict) else {}


def _in_file(path: Path) -> Any:
    try:
        return (yaml.load(path.read_text(), Loader=yaml.CSafeLoader) or {}).get("config")
    except OSError:
        return None


def forget() -> None:
    """Read it all again: for tests, whose stacks' files change."""
    _config_of.cache_clear()
