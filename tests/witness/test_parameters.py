"""What managed servers are set to, of which AWS's model lists neither names nor values: the servers' own programs are asked."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import pytest

from rehearsal.recording import Recording
from tests.deploy.test_database import newest_binaries
from tests.tools import required_command

pytestmark = pytest.mark.verify

OF_RDS = {"rds.force_ssl", "rds.accepted_password_auth_method"}
"""RDS' own, in its user guide: "Using SSL with a PostgreSQL DB instance" and "Using SCRAM for PostgreSQL password encryption". Of
the first, only others' accounts could be read on 2026-11-30; the second in a copy."""


def parameters(stack: Recording, kind: str) -> Mapping[str, str]:
    groups = stack.of(f"aws:{kind}/parameterGroup:ParameterGroup")
    return {one["name"]: one["value"] for group in groups for one in group["parameters"]}


def test_what_rds_is_told_is_postgresqls_or_its_own(prod: Recording) -> None:
    told = subprocess.run(
        [newest_binaries() / "postgres", "--describe-config"], capture_output=True, text=True, check=True
    )
    known = {line.partition("\t")[0] for line in told.stdout.splitlines()}
    assert len(known) > 300
    assert {name for name in parameters(prod, "rds") if name not in known} == OF_RDS


def refusal(settings: Mapping[str, str]) -> str:
    """What Redis says of a configuration, and no more: without a port it ends at once."""
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    command = [str(required_command("redis-server")), "--port", "0", *options]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    text = f"{said.stdout}{said.stderr}"
    return text if "FATAL CONFIG FILE ERROR" in text else ""


def test_what_elasticache_is_told_is_redis_own(prod: Recording) -> None:
    told = parameters(prod, "elasticache")
    assert told
    assert refusal(told) == ""
    for name, value in told.items():
        assert refusal({f"{name}x": value})
        assert refusal({name: f"{value}x"})
