"""The engine's events as what a person watches: steps as they go, and at the end the causes of a failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pulumi.automation import EngineEvent, PolicyEvent

from rehearsal.engine.state import STACK, is_default_provider, name_of

Status = Literal["started", "done", "failed"]

_COLOURS = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
_PREAMBLE = re.compile(r"^.*? resource '[^']*' has a problem: |^(?:\d+ errors? occurred:\s*\*?\s*)|^error: ", re.DOTALL)
_TRACE = re.compile(r"\n?Traceback \(most recent call last\):.*", re.DOTALL)
_URN = re.compile(r"urn:pulumi:[^\s\"'`]*::([^\s\"'`:,]+)")
_ECHOES = ("update failed", "preview failed", "resource monitor shut down", "The resource monitor has terminated")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a run. `operation` is the engine's word: create, update, replace, delete, same, read, refresh …"""

    operation: str
    urn: str
    type: str
    name: str
    status: Status


OnStep = Callable[[Step], None]


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What a policy of a pack says of a resource; without a `urn`, of the run."""

    policy: str
    urn: str
    message: str
    mandatory: bool


class Listener:
    """Takes the events of one run: passes steps on, counts changes, remembers errors."""

    def __init__(self, on_step: OnStep | None) -> None:
        self._on_step = on_step
        self._errors: list[tuple[str, str]] = []
        self.changes: dict[str, int] = {}
        self.violations: list[Violation] = []

    def __call__(self, event: EngineEvent) -> None:
        if event.summary_event:
            self.changes = {str(getattr(k, "value", k)): n for k, n in event.summary_event.resource_changes.items()}
        if event.diagnostic_event and event.diagnostic_event.severity == "error":
            self._errors.append((event.diagnostic_event.urn or "", event.diagnostic_event.message))
        if event.policy_event:
            self.violations.append(_violation(event.policy_event))
        step = _step(event)
        if step and self._on_step:
            self._on_step(step)

    def causes(self, program_error: BaseException | None) -> list[str]:
        """One line per cause: broken policies, refused resources by name; only without any, what was raised or said."""
        broken = [f"{name_of(one.urn)}: {one.policy}: {one.message}" for one in self.violations if one.mandatory]
        refused = [f"{name_of(urn)}: {_readable(text)}" for urn, text in self._errors if urn and _type(urn) != STACK]
        said = [_readable(text) for urn, text in self._errors if not urn or _type(urn) == STACK]
        raised = [str(program_error) or type(program_error).__name__] if program_error else []
        causes = [*broken, *refused] or raised or [text for text in said if not text.startswith(_ECHOES)] or said
        return list(dict.fromkeys(cause for cause in causes if cause))


def _violation(event: PolicyEvent) -> Violation:
    return Violation(
        policy=event.policy_name,
        urn=event.resource_urn or "",
        message=_readable(event.message),
        mandatory=event.enforcement_level == "mandatory",
    )


def _step(event: EngineEvent) -> Step | None:
    for status, metadata in _parts(event):
        if metadata.type != STACK and not is_default_provider(metadata.urn):
            operation = str(getattr(metadata.op, "value", metadata.op))
            name = name_of(metadata.urn)
            return Step(operation=operation, urn=metadata.urn, type=metadata.type, name=name, status=status)
    return None


def _parts(event: EngineEvent) -> Iterator[tuple[Status, Any]]:
    if event.resource_pre_event:
        yield "started", event.resource_pre_event.metadata
    if event.res_outputs_event:
        yield "done", event.res_outputs_event.metadata
    if event.res_op_failed_event:
        yield "failed", event.res_op_failed_event.metadata


def _readable(message: str) -> str:
    """The message on one line: without colours, traces and the engine's preambles, URNs cut down to names."""
    text = _TRACE.sub("", _COLOURS.sub("", message)).strip()
    return " ".join(_URN.sub(r"\1", _PREAMBLE.sub("", text)).split())


def _type(urn: str) -> str:
    return urn.split("::", 3)[2] if urn.count("::") >= 3 else ""
