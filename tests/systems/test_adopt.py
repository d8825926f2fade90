"""`platform.adopt`: what it names is one resource of AWS, and what it cannot name is an error."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from infra.settings import SettingsError
from infra.settings.model import LogicalName
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.recording import Recording
from tests.stacks import ACCOUNT, REGION, changed_stack, program


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_logical_name_and_its_type_are_one_resource_of_aws(stack: str, request: pytest.FixtureRequest) -> None:
    """Else one id would be given to two."""
    recording: Recording = request.getfixturevalue(stack)
    resources = [one for one in recording if one.custom and one.type.startswith("aws:")]
    keys = Counter(f"{one.type.rpartition(':')[2]}/{one.name}" for one in resources)
    assert len(keys) > 400
    assert [key for key, count in keys.items() if count > 1] == []
    for one in (*keys, *(one.name for one in resources)):
        TypeAdapter(LogicalName).validate_python(one)


def adopted(folder: Path, **ids: str) -> Recording:
    names = {name.replace("_", "-"): identifier for name, identifier in ids.items()}
    file = changed_stack(folder, "dev", {"platform.adopt": names, "platform.systems": ["wealist"]})
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud:
        return run(program, file, cloud)


def test_the_rehearsal_has_nothing_to_take_over_and_goes_on(tmp_path: Path) -> None:
    assert adopted(tmp_path, wealist_network_vpc="vpc-0a1b2c3d").one("Vpc", "wealist-network-vpc").id != "vpc-0a1b2c3d"


NOT_OF_AWS = {
    "wealist_netwrk_vpc": "did you mean 'wealist-network-vpc'?",
    # Drawn at random: its id is the secret.
    "wealist_jwt_secret": "this stack has no resource of AWS of that name",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is said of all those at once."""
    with pytest.raises(SettingsError) as said:
        adopted(tmp_path_factory.mktemp("wrong"), **dict.fromkeys(NOT_OF_AWS, "x"))
    return list(said.value.problems)


@pytest.mark.parametrize("name", NOT_OF_AWS)
def test_what_is_no_resource_of_aws_is_an_error(told: list[str], name: str) -> None:
    (problem,) = [one for one in told if one.startswith(f"platform.adopt.{name.replace('_', '-')}: ")]
    assert NOT_OF_AWS[name] in problem
