"""The two ways to rehearse a stack: in this process, and on the real engine. Both end in a `Recording`."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from infra.settings import Settings
from rehearsal.cloud import Cloud
from rehearsal.engine.program import project_program
from rehearsal.inprocess import run
from rehearsal.recording import Recording, Registered
from rehearsal.report.progress import how_far, how_far_recorded, shown
from rehearsal.stack_file import StackFile
from rehearsal.values import Props, reveal

if TYPE_CHECKING:
    from rehearsal.engine.events import Step
    from rehearsal.engine.stack import EngineStack
    from rehearsal.engine.state import StateResource


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """A stack to rehearse: the project's root, the stack's file and the settings in it."""

    root: Path
    stack: StackFile
    settings: Settings
    console: Console


def in_process(rehearsal: Rehearsal, cloud: Cloud) -> Recording:
    """Run the program under the recording monitor."""
    recording = Recording()
    with shown(rehearsal.console, f"{rehearsal.stack.stack}, in process", lambda: how_far_recorded(recording)):
        return run(project_program(rehearsal.root), rehearsal.stack, cloud, recording)


def by_engine(rehearsal: Rehearsal, cloud: Cloud, stays: ExitStack, engine: Path, *, destroy: bool) -> Recording:
    """The engine's `up`. When `stays` ends, the engine lets go of the cloud, after a `destroy` if that is wanted."""
    from rehearsal.engine.servicer import serve_cloud
    from rehearsal.engine.stack import EngineStack

    ports = stays.enter_context(serve_cloud(cloud))
    state = Path(stays.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-")))
    # The cloud does not outlive this process, so a state that outlives it would be of no use.
    stack = EngineStack(rehearsal.root, rehearsal.stack, ports, state, engine, checkpoints=False)
    steps = _Steps()
    with shown(rehearsal.console, f"{rehearsal.stack.stack}, on the engine", steps.how_far):
        stack.up(steps)
    if destroy:
        stays.callback(_destroy, rehearsal, stack, cloud)
    return recorded(stack.resources(), stack.outputs())


def recorded(resources: Iterable[StateResource], outputs: Props) -> Recording:
    """The engine's state as a recording: what only a registration shows (dependencies, aliases …) is empty."""
    recording = Recording()
    for resource in resources:
        recording.add(
            Registered(
                urn=resource.urn,
                type=resource.type,
                name=resource.name,
                parent=resource.parent,
                custom=resource.custom,
                rendered=resource.rendered,
                provider="",
                protect=resource.protect,
                dependencies=frozenset(),
                property_dependencies={},
                ignore_changes=(),
                aliases=(),
                delete_before_replace=False,
                retain_on_delete=False,
                inputs=resource.inputs,
                id=resource.id,
                outputs=reveal(resource.outputs),
            )
        )
    recording.stack_outputs = outputs
    return recording


class _Steps:
    """Counts the engine's steps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: set[str] = set()
        self._done: set[str] = set()
        self._last = ""

    def __call__(self, step: Step) -> None:
        with self._lock:
            self._begun.add(step.urn)
            if step.status == "done":
                self._done.add(step.urn)
                self._last = step.name

    def how_far(self) -> str:
        with self._lock:
            return how_far(len(self._begun), len(self._done), self._last)


def _destroy(rehearsal: Rehearsal, stack: EngineStack, cloud: Cloud) -> None:
    """The engine's `destroy`, the protections lifted first, as an operator would."""
    from rehearsal.engine.stack import without_protection

    with shown(
        rehearsal.console, f"destroying {rehearsal.stack.stack}", lambda: f"{len(cloud.live)} resources are left"
    ):
        stack.destroy(unlocked=without_protection(rehearsal.stack))
    rehearsal.console.print(
        f"destroyed {rehearsal.stack.stack}: {len(cloud.left())} resources are left", highlight=False
    )
