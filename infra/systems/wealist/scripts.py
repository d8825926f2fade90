"""What wealist's machines run, put together from the files under deploy/wealist/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.components.aws.scripts import (
    embed,
    embed_directory,
    render_command_document,
    render_script,
    render_user_data,
    uncommented,
)

FILES = Path(__file__).parents[3] / "deploy" / "wealist"
DATABASE_INIT_TIMEOUT_SECONDS = 1800


def backend_user_data(settings: Mapping[str, str]) -> str:
    """§4's bootstrap of a backend instance, base64."""
    return render_user_data([_user_data("common"), _user_data("backend")], settings)


def monitoring_parts(alertmanager: Mapping[str, Any]) -> list[str]:
    """What the monitoring instance starts with: the files of deploy/wealist/monitoring/, and Alertmanager's configuration."""
    config = embed("alertmanager_yml", json.dumps(dict(alertmanager), separators=(",", ":")))
    begins, ends = (uncommented(_user_data(part).read_text(encoding="utf-8")) for part in ("common", "monitoring"))
    return [begins, *embed_directory(FILES / "monitoring"), config, ends]


def monitoring_user_data(settings: Mapping[str, str], alertmanager: Mapping[str, Any]) -> str:
    """The bootstrap of the monitoring instance, base64."""
    return render_user_data(monitoring_parts(alertmanager), settings)


def database_init_user_data(settings: Mapping[str, str]) -> str:
    """The bootstrap of the machine that makes databases, base64."""
    return render_user_data([_user_data("common"), _user_data("database")], settings)


def database_init_document(settings: Mapping[str, str]) -> str:
    """The SSM command document that makes §5's databases and roles, as JSON."""
    sql = embed("init_sql", (FILES / "database" / "init.sql").read_text())
    root = embed("rds_ca", rds_root(settings["REGION"]))
    script = render_script([sql, root, FILES / "database" / "init.sh"], settings)
    return render_command_document(script, "Create wealist's databases and roles", DATABASE_INIT_TIMEOUT_SECONDS)


def rds_root(region: str) -> str:
    """The certificate that RDS's servers in a region are verified with, PEM.

    Raises ValueError for a region that deploy/wealist/database/rds-ca.pem does not have.
    """
    _, found, after = (FILES / "database" / "rds-ca.pem").read_text().partition(f"\n# {region}\n")
    if not found:
        raise ValueError(
            f"deploy/wealist/database/rds-ca.pem has no root for {region}: add RDS's rds-ca-rsa2048-g1 of it"
        )
    return after.partition("# ")[0]


def _user_data(part: str) -> Path:
    return FILES / "user_data" / f"{part}.sh"
