"""What keeps moto and the SDK small and quick changes nothing that a rehearsal sees."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal.memory import OnDemand, save_memory
from tests.stacks import ROOT

LOOK = """
import json, os, sys
os.environ.update(MOTO_EC2_LOAD_DEFAULT_AMIS="false", AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
if sys.argv[1] == "saving":
    from rehearsal.memory import save_memory
    save_memory()
import boto3
from moto import mock_aws
found = {}
with mock_aws():
    for region in ("ap-northeast-2", "us-east-1"):
        ec2 = boto3.client("ec2", region_name=region)
        zones = ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.small"]}]
        )
        found[region] = sorted(
            (one["InstanceType"], one["LocationType"], one["Location"]) for one in zones["InstanceTypeOfferings"]
        )
    members = ec2.meta.service_model.operation_model("CreateVpc").input_shape.members
    found["members"] = list(members)
print(json.dumps(found))
"""


def look(how: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, how], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.verify
def test_instance_types_and_service_models_are_as_without_saving() -> None:
    saving = look("saving")
    assert saving == look("plain")
    assert saving["ap-northeast-2"]
    assert saving["ap-northeast-2"] != saving["us-east-1"]


def test_a_member_called_documentation_stays(tmp_path: Path) -> None:
    save_memory()
    from botocore.loaders import JSONFileLoader

    model = {"documentation": "prose", "members": {"documentation": {"shape": "String", "documentation": "prose"}}}
    (tmp_path / "model.json").write_text(json.dumps(model))
    kept = JSONFileLoader().load_file(str(tmp_path / "model"))
    assert kept == {"documentation": "", "members": {"documentation": {"shape": "String", "documentation": ""}}}
    assert JSONFileLoader().load_file(str(tmp_path / "missing")) is None


def test_values_are_loaded_when_they_are_asked_for_and_only_once() -> None:
    asked: list[str] = []

    def load(key: str) -> list[str]:
        asked.append(key)
        return [key]

    regions = OnDemand(["one", "two"], load)
    assert list(regions) == ["one", "two"]
    assert asked == []
    assert regions["one"] == ["one"]
    assert regions.get("one") == ["one"]
    assert regions.get("three", []) == []
    assert asked == ["one"]
