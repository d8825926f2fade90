"""What wealist's machines run, put together from the files under deploy/wealist/."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infra.components.aws.scripts import (
    embed,
    embed_directory,
    render_command_document,
    render_script,
    render_user_data,
)

FILES = Path(__file__).parents[2] / "deploy" / "wealist"
DATABASE_INIT_TIMEOUT_SECONDS = 1800


def backend_user_data(settings: Mapping[str, str]) -> str:
    """§4's bootstrap of a backend instance, base64."""
    return render_user_data([_user_data("common"), _user_data("backend")], settings)


def monitoring_user_data(settings: Mapping[str, str]) -> str:
    """The bootstrap of the monitoring instance, base64, with the files of deploy/wealist/monitoring/ in it."""
    files = embed_directory(FILES / "monitoring")
    return render_user_data([_user_data("common"), *files, _user_data("monitoring")], settings)


def database_init_document(settings: Mapping[str, str]) -> str:
    """The SSM command document that makes §5's databases and roles, as JSON."""
    sql = embed("init_sql", (FILES / "database" / "init.sql").read_text())
    script = render_script([sql, FILES / "database" / "init.sh"], settings)
    return render_command_document(script, "Create wealist's databases and roles", DATABASE_INIT_TIMEOUT_SECONDS)


def _user_data(part: str) -> Path:
    return FILES / "user_data" / f"{part}.sh"
