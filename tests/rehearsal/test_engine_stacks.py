"""The prod stack under the real engine: the same resources as in process, and an empty account when it is gone.

The dev stack goes through the engine in `tests/policy/test_pack.py`, with the policies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.cloud import Cloud, open_cloud
from rehearsal.engine.program import project_program
from rehearsal.engine.servicer import serve_cloud
from rehearsal.engine.stack import EngineStack, without_protection
from rehearsal.engine.state import StateResource
from rehearsal.inprocess import run
from rehearsal.recording import Registered
from rehearsal.rendered import write_rendered
from rehearsal.values import reveal
from tests.rehearsal.engine_rig import engine_or_skip
from tests.stacks import ACCOUNT, REGION, ROOT, stack_file

pytestmark = pytest.mark.verify


class Standing:
    """The stack, previewed and then brought up on the engine."""

    def __init__(self, cloud: Cloud, ports: dict[str, int], folder: Path) -> None:
        self.cloud, self.folder = cloud, folder
        self.file = stack_file("prod")
        before = _stack_files()
        self.stack = EngineStack(
            # Where a run stands when it is killed is for `test_engine_crash`.
            ROOT,
            self.file,
            ports,
            folder / "engine",
            engine_or_skip(),
            checkpoints=False,
        )
        self.planned = self.stack.preview()
        self.untouched = not cloud.live
        self.made = self.stack.up()
        self.project_only_read = _stack_files() == before


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    engine_or_skip()
    folder = tmp_path_factory.mktemp("prod")
    with (
        open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud,
        serve_cloud(cloud) as ports,
    ):
        yield Standing(cloud, ports, folder)


def test_preview_touches_nothing_and_says_what_up_does(standing: Standing) -> None:
    assert standing.untouched
    assert standing.planned == standing.made


def test_the_engine_registers_what_the_in_process_run_does(standing: Standing) -> None:
    """Asked of the same cloud, which answers a repeated create with what is there: even the ids are the same."""
    recording = run(project_program(ROOT), standing.file, standing.cloud)
    on_engine = {r.urn: _comparable(r) for r in standing.stack.resources()}
    in_process = {r.urn: _comparable(r) for r in recording}
    assert in_process.keys() == on_engine.keys()
    assert {urn: in_process[urn] for urn in on_engine if in_process[urn] != on_engine[urn]} == {}


def test_a_second_up_and_a_refresh_change_nothing(standing: Standing) -> None:
    assert standing.stack.up().keys() == {"same"}
    assert standing.stack.refresh().keys() == {"same"}


def test_the_state_gives_every_rendered_manifest_again(standing: Standing, tmp_path: Path) -> None:
    """What a workflow gives to Argo CD's branch, by `pulumi stack export`, is what the engine rendered."""
    state = json.loads((standing.folder / "engine/backend/.pulumi/stacks/edge-platform/prod.json").read_text())
    count = write_rendered(state["checkpoint"]["latest"], tmp_path / "made")
    rendered = _manifests(standing.folder / "manifests")
    assert _manifests(tmp_path / "made") == rendered
    assert count == len(rendered) > 150


def test_the_project_is_only_read(standing: Standing) -> None:
    assert standing.project_only_read


def test_destroy_leaves_nothing(standing: Standing) -> None:
    standing.stack.destroy(unlocked=without_protection(standing.file))
    assert standing.stack.resources() == []
    assert standing.cloud.left().keys() == set()


def _manifests(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.yaml")}


def _stack_files() -> dict[str, bytes]:
    """The engine writes into a stack's file, where it is let."""
    return {path.name: path.read_bytes() for path in ROOT.glob("Pulumi*")}


def _comparable(resource: Registered | StateResource) -> str:
    inputs, is_provider = reveal(resource.inputs), resource.type.startswith("pulumi:providers:")
    # The engine makes a provider's id itself, and notes what it runs of it among the inputs.
    identifier = "" if is_provider else resource.id
    compared = {key: value for key, value in inputs.items() if not is_provider or key not in ("__internal", "version")}
    return json.dumps([identifier, compared, resource.parent, resource.protect], sort_keys=True, default=str)
