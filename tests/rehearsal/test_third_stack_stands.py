"""A third stack on the engine, in the account where another stands: it comes, changes nothing of the other, and goes again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.cloud import Cloud, open_cloud
from rehearsal.engine.servicer import serve_cloud
from rehearsal.engine.stack import EngineStack, without_protection
from rehearsal.stack_file import StackFile
from tests.stacks import ACCOUNT, REGION, ROOT, changed_stack, stack_file
from tests.systems.test_third_stack import EDITS
from tests.tools import required_engine

pytestmark = pytest.mark.judges

SYSTEMS = ("wealist", "eco2", "exchange", "immersiverse", "gateway_lab", "delivery")


def staging(folder: Path) -> StackFile:
    """Dev's file, edited as the page says: every system."""
    changed_stack(folder, "dev", dict(EDITS))
    (folder / "Pulumi.dev.yaml").rename(folder / "Pulumi.staging.yaml")
    return stack_file("staging", folder)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, EngineStack, EngineStack]]:
    folder = tmp_path_factory.mktemp("third")
    (folder / "prod").mkdir()
    prod = without_protection(changed_stack(folder / "prod", "prod", {}))
    engine = required_engine()
    with open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud, serve_cloud(cloud) as at:

        def driver(file: StackFile) -> EngineStack:
            return EngineStack(ROOT, file, at, folder / "engine", engine, checkpoints=False)

        yield cloud, driver(prod), driver(staging(folder))


def test_it_stands_beside_the_other_and_goes_alone(stacks: tuple[Cloud, EngineStack, EngineStack]) -> None:
    cloud, prod, third = stacks
    prod.up()
    stood = {urn: state.id for urn, state in cloud.left().items()}
    assert set(third.up()) == {"create"}
    assert {one.urn.split(":")[2] for one in third.resources()} == {"staging"}
    assert {one.name.partition("-")[0] for one in third.resources() if one.type.startswith("aws:")} >= {*SYSTEMS}
    assert prod.refresh().keys() == third.refresh().keys() == {"same"}
    third.destroy()
    assert {urn: state.id for urn, state in cloud.left().items()} == stood
