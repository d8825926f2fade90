"""The prod stack under the real engine: resources as in process, findings as the rules have them, an empty account at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.cloud import Cloud, open_cloud
from rehearsal.engine.events import Step, Violation
from rehearsal.engine.program import project_program
from rehearsal.engine.servicer import serve_cloud
from rehearsal.engine.stack import EngineStack, without_protection
from rehearsal.engine.state import StateResource, name_of
from rehearsal.inprocess import run
from rehearsal.judging import judged, seen_by_rules
from rehearsal.provider import State
from rehearsal.recording import Registered
from rehearsal.rendered import write_rendered
from rehearsal.stack_file import StackFile
from rehearsal.values import Props, reveal
from rehearsal.ways import recorded
from tests.mesh import eco2
from tests.policy.spoiled import PACK, SPOILED, UNSAID, spoiled_program, write_analyzer
from tests.stacks import ACCOUNT, REGION, ROOT, stack_file
from tests.tools import required_engine

pytestmark = pytest.mark.verify


class Standing:
    """The stack, previewed and then brought up on the engine."""

    def __init__(self, cloud: Cloud, ports: dict[str, int], folder: Path, engine: Path) -> None:
        self.cloud, self.folder, self._ports, self._engine = cloud, folder, ports, engine
        before = _stack_files()
        self.stack = self.driver(ROOT, stack_file("prod"))
        self.planned = self.stack.preview()
        self.untouched = not cloud.live
        self.made = self.stack.up()
        self.resources = self.stack.resources()
        self.project_only_read = _stack_files() == before

    def driver(self, root: Path, file: StackFile, pack: Path | None = None, levels: Path | None = None) -> EngineStack:
        """Where a run stands when it is killed is for `test_engine_crash`: it would be the slower for that."""
        return EngineStack(
            root, file, self._ports, self.folder / "engine", self._engine,
            checkpoints=False, pack=pack, pack_config=levels,
        )  # fmt: skip


@pytest.fixture(scope="module")
def of_the_mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the mesh's tests are given; before a stack stands, since there is one account."""
    return eco2.cluster_files(tmp_path_factory)


@pytest.fixture(scope="module")
def standing(of_the_mesh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    engine = required_engine()
    folder = tmp_path_factory.mktemp("prod")
    with (
        open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud,
        serve_cloud(cloud) as ports,
    ):
        yield Standing(cloud, ports, folder, engine)


PROTECTIONS = {
    "deletionProtection": True,
    "disableApiTermination": True,
    "enableDeletionProtection": True,
    "forceDelete": False,
    "forceDestroy": False,
}
"""What the provider itself is told of a protection, beside the engine's `protect`."""


@dataclass(frozen=True, kw_only=True)
class Spoiled:
    """The standing stack after an update by the spoiled program, without protections, past the pack."""

    stack: EngineStack
    changed: set[str]
    violations: list[Violation]


@pytest.fixture(scope="module")
def spoiled(standing: Standing) -> Spoiled:
    """The pack's policies are advice, so that the update goes on to its end."""
    folder = standing.folder
    program, file = spoiled_program(folder / "program"), without_protection(stack_file("prod"))
    levels = folder / "levels.json"
    levels.write_text(json.dumps({"all": "advisory"}))
    steps: list[Step] = []
    stack = standing.driver(program, file, PACK, levels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(write_analyzer(folder / "bin")), prepend=":")
        stack.up(steps.append)
    changed = {step.name for step in steps if step.operation != "same"}
    return Spoiled(stack=stack, changed=changed, violations=stack.violations)


def test_preview_touches_nothing_and_says_what_up_does(standing: Standing) -> None:
    assert standing.untouched
    assert standing.planned == standing.made


class AsItStands(Cloud):
    """What a cloud holds, for a program that asks for all of it once more: whatever differs has another id."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud.providers)
        self._known = cloud.live

    def check(self, urn: str, token: str, inputs: Props) -> None:
        """The engine has asked."""

    def create(self, urn: str, token: str, inputs: Props) -> State:
        known = self._known.get(urn)
        return known if known and known.inputs == inputs else State(id="another", inputs=inputs, outputs=inputs)


def test_the_engine_registers_what_the_in_process_run_does(standing: Standing) -> None:
    """With the same answers, so that even what is made of ids and ARNs is the same."""
    recording = run(project_program(ROOT), stack_file("prod"), AsItStands(standing.cloud))
    on_engine = {r.urn: _comparable(r) for r in standing.resources}
    in_process = {r.urn: _comparable(r) for r in recording}
    assert in_process.keys() == on_engine.keys()
    assert {urn: in_process[urn] for urn in on_engine if in_process[urn] != on_engine[urn]} == {}


def test_the_state_gives_the_manifests_that_a_run_in_process_writes(
    standing: Standing, of_the_mesh: Path, tmp_path: Path
) -> None:
    """What a workflow gives to Argo CD's branch, by `pulumi stack export`, is what the mesh is tried with, byte by byte."""
    state = json.loads((standing.folder / "engine/backend/.pulumi/stacks/edge-platform/prod.json").read_text())
    count = write_rendered(state["checkpoint"]["latest"], tmp_path / "made")
    assert _manifests(tmp_path / "made") == _manifests(of_the_mesh)
    assert count == len(_manifests(of_the_mesh)) > 300
    assert _manifests(standing.folder / "manifests") == {}


def test_the_project_is_only_read(standing: Standing) -> None:
    assert standing.project_only_read


def test_a_refresh_changes_nothing(standing: Standing) -> None:
    assert standing.stack.refresh().keys() == {"same"}


def test_another_up_changes_what_its_program_and_settings_change_and_nothing_else(
    standing: Standing, spoiled: Spoiled
) -> None:
    protected = {r.name for r in standing.resources if any(r.inputs.get(key) is on for key, on in PROTECTIONS.items())}
    assert len(protected) > 20
    assert spoiled.changed == protected | {name for _, name in SPOILED}


def test_the_pack_finds_what_make_up_finds_in_the_engines_state(spoiled: Spoiled) -> None:
    on_engine = {(one.policy, one.urn) for one in spoiled.violations}
    assert [one for one in spoiled.violations if UNSAID in one.message] == []
    judgement = judged(seen_by_rules(recorded(spoiled.stack.resources(), {})))
    assert judgement.exempted
    assert {(one.rule.name, one.resource.urn) for one in judgement.open} == on_engine
    assert SPOILED - {(policy, name_of(urn)) for policy, urn in on_engine} == set()


def test_destroy_leaves_nothing(standing: Standing, spoiled: Spoiled) -> None:
    spoiled.stack.destroy()
    assert spoiled.stack.resources() == []
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
