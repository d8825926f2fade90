"""Fixtures of the deploy tests."""

import json
from pathlib import Path

import pytest

from tests.deploy.pretend_machine import AWS, MASTER_SECRET, NASTY, RECORDER, SECRETS, TOOLS, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root, fake = tmp_path / "root", tmp_path / "fake"
    for folder in ("etc", "dev", "tmp", "run", "root", "var/log", "var/lib", "home/ec2-user"):
        (root / folder).mkdir(parents=True)
    (fake / "bin").mkdir(parents=True)
    recorder = fake / "recorder"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    for tool in TOOLS:
        (fake / "bin" / tool).symlink_to(recorder)
    made = Machine(root, fake)
    made.stub("aws", AWS)
    made.stub("uname", "echo x86_64")
    return made


@pytest.fixture
def parameters(machine: Machine) -> dict[str, str]:
    """Every parameter of the stack; the secret ones hold hostile values, each different."""
    values = {
        "db/endpoint": "wealist-prod-rds.example.ap-northeast-2.rds.amazonaws.com",
        "db/port": "5432",
        "db/user_db_name": "wealist_user_db",
        "db/user_db_user": "user_service",
        "db/board_db_name": "wealist_board_db",
        "db/board_db_user": "board_service",
        "db/master_arn": MASTER_SECRET,
        "redis/endpoint": "master.wealist-prod-redis.example.apn2.cache.amazonaws.com",
        "redis/port": "6379",
        **{name: f"{NASTY}{number}\\" for number, name in enumerate(SECRETS)},
    }
    machine.parameters = {f"/wealist/prod/{name}": value for name, value in values.items()}
    master = {"username": "wealist_master", "password": f"{NASTY}master"}
    machine.parameters[MASTER_SECRET] = json.dumps(master)
    return values
