"""Files below `deploy/`: what runs on machines and in pods."""

from __future__ import annotations

from pathlib import Path

DEPLOY = Path(__file__).parents[1] / "deploy"


def deploy_files(*names: str) -> dict[str, str]:
    """The texts of files, each given by its path below `deploy/`, by their own names."""
    return {Path(name).name: (DEPLOY / name).read_text(encoding="utf-8") for name in names}
