"""Drives the real engine over the embedded cloud: the unmodified program, inline, with its state in a folder of its own."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation as auto
from pulumi.automation import PulumiCommand
from pulumi.automation._stack import StackInitMode
from semver import VersionInfo

from infra.settings import SECTIONS
from rehearsal.engine.events import Listener, OnStep, Violation
from rehearsal.engine.loopback import loopback_channels
from rehearsal.engine.program import project_program
from rehearsal.engine.servicer import ask_unanswered
from rehearsal.engine.state import (
    STACK,
    Deployment,
    StateResource,
    pending,
    plain,
    replacing,
    resources_of,
    settle_creates,
)
from rehearsal.inprocess import ProgramFailed
from rehearsal.sdk import quick_sdk
from rehearsal.stack_file import StackFile
from rehearsal.values import Props

Changes = dict[str, int]
"""How many resources a run created, updated, deleted, left the same …, by the engine's words."""

_GONE_WITHIN = 60.0
_EVENTS_ARE_READ_WITHIN = 0.3
_STATE_VERSION = 3


class EngineStack:
    """One stack on the engine.

    root:   the project; read, never written.
    stack:  its settings.
    ports:  where the cloud's packages are served (`serve_cloud`), in this process or another.
    state:  the folder for the engine's state, home and passphrase.
    engine: the `pulumi` executable (`find_engine`).
    checkpoints: save the state after every step; without, a run is several times as fast and a killed one loses its state.
    pack:   a policy pack's folder, which previews and updates must satisfy, and the file that changes its policies' levels.
    """

    def __init__(
        self,
        root: Path,
        stack: StackFile,
        ports: Mapping[str, int],
        state: Path,
        engine: Path,
        *,
        checkpoints: bool = True,
        pack: Path | None = None,
        pack_config: Path | None = None,
    ) -> None:
        self._root = root.resolve()
        self._stack = stack
        self._ports = dict(ports)
        self._state = state.resolve()
        self._engine = engine
        self._checkpoints = checkpoints
        self._packs = [str(pack.resolve())] if pack else None
        self._pack_configs = [str(pack_config.resolve())] if pack_config else None
        self.violations: list[Violation] = []
        """What the pack's policies said of the last preview or update."""
        self._opened: auto.Stack | None = None
        self._program_error: BaseException | None = None

    def preview(self, on_step: OnStep | None = None) -> Changes:
        """What `up` would do; nothing is touched."""
        return self._run(self._preview, on_step)

    def up(self, on_step: OnStep | None = None) -> Changes:
        """Make the cloud what the program says, finishing an interrupted run first."""
        interrupted = self._settle()
        return self._run(partial(self._up, refresh=bool(interrupted)), on_step)

    def refresh(self, on_step: OnStep | None = None) -> Changes:
        """Make the state what the cloud holds: the `update`s and `delete`s among the changes are drift."""
        self._settle()
        return self._refresh(on_step)

    def destroy(self, on_step: OnStep | None = None, *, unlocked: StackFile | None = None) -> Changes:
        """Delete everything.

        `unlocked` are settings with the protections off (`without_protection`): the stack is brought up with them first, as an
        operator would. What the program protects all the same is unprotected in this throw-away state.
        """
        self.recover(on_step)
        if unlocked is not None and resources_of(self._saved()):
            EngineStack(self._root, unlocked, self._ports, self._state, self._engine, checkpoints=self._checkpoints).up(
                on_step
            )
        if any(resource.protect for resource in resources_of(self._saved())):
            self._pulumi("state", "unprotect", "--all", "--yes")
        return self._run(lambda stack, hear: stack.destroy(on_event=hear, run_program=False), on_step)

    def recover(self, on_step: OnStep | None = None) -> list[str]:
        """Put right what a killed run left: its lock, and the operations that it had in the air, which are returned.

        A create that the cloud carried out is taken into the state, or deleted if it was to replace what the state has; the next
        run begins anew with that and with all others.
        """
        if interrupted := self._settle():
            self._refresh(on_step)
        return interrupted

    def resources(self) -> list[StateResource]:
        """What the state holds, secrets opened and marked."""
        return resources_of(json.loads(self._pulumi("stack", "export", "--show-secrets"))["deployment"])

    def outputs(self) -> Props:
        """The stack's outputs; a secret one is `Secret`."""
        deployment = json.loads(self._pulumi("stack", "export", "--show-secrets"))["deployment"]
        root = [entry for entry in deployment.get("resources") or [] if entry["type"] == STACK]
        return dict(plain(root[0].get("outputs") or {})) if root else {}

    def _settle(self) -> list[str]:
        """`recover` without the refresh that must follow where operations were in the air."""
        self._release_lock()
        self._mend_attributes()
        saved = self._saved()
        if interrupted := pending(saved):
            unanswered = ask_unanswered(next(iter(self._ports.values())), withdraw=replacing(saved))
            draft = self._state / "recovered.json"
            draft.write_text(json.dumps({"version": _STATE_VERSION, "deployment": settle_creates(saved, unanswered)}))
            self._pulumi("stack", "import", "--file", str(draft))
            draft.unlink()
        return interrupted

    def _preview(self, stack: auto.Stack, hear: Listener) -> Any:
        return stack.preview(on_event=hear, policy_packs=self._packs, policy_pack_configs=self._pack_configs)

    def _up(self, stack: auto.Stack, hear: Listener, *, refresh: bool) -> Any:
        packs = {"policy_packs": self._packs, "policy_pack_configs": self._pack_configs}
        return stack.up(on_event=hear, refresh=refresh, **packs)  # type: ignore[arg-type]

    def _refresh(self, on_step: OnStep | None) -> Changes:
        return self._run(lambda stack, hear: stack.refresh(on_event=hear, run_program=False), on_step)

    def _run(self, act: Callable[[auto.Stack, Listener], Any], on_step: OnStep | None) -> Changes:
        listener = Listener(on_step)
        self._program_error = None
        stack = self._open()
        try:
            with loopback_channels(), quick_sdk():
                act(stack, listener)
        except auto.CommandError as error:
            causes = listener.causes(self._program_error) or [_last_words(error)]
            raise ProgramFailed("\n".join(causes)) from None
        finally:
            self.violations = listener.violations
        return listener.changes

    def _open(self) -> auto.Stack:
        if self._opened is None:
            for folder in ("home", "backend", "project"):
                (self._state / folder).mkdir(parents=True, exist_ok=True)
            self._write_passphrase()
            self._write_project()
            self._mend_attributes()
            try:
                self._opened = self._select()
            except auto.CommandError as error:
                raise ProgramFailed(_last_words(error)) from None
        return self._opened

    def _select(self) -> auto.Stack:
        workspace = _Workspace(
            work_dir=str(self._state / "project"),
            pulumi_home=str(self._state / "home"),
            program=self._program,
            env_vars=self._environment(),
            secrets_provider="passphrase",
            pulumi_command=_Command(self._engine),
        )
        mode = StackInitMode.SELECT if self._checkpoint.exists() else StackInitMode.CREATE
        stack = _Stack(self._stack.stack, workspace, mode)
        values = {key: auto.ConfigValue(self._stack.config[key], secret=True) for key in self._stack.secret_keys}
        if values:
            stack.set_all_config(values)
        return stack

    def _program(self) -> None:
        try:
            project_program(self._root)()
        except BaseException as error:
            self._program_error = error
            raise

    def _environment(self) -> dict[str, str]:
        """Nothing leaves the machine, and providers are attached to, not started."""
        return {
            # Most commands are over before it is worth the time to collect garbage.
            "GOGC": "400",
            "PULUMI_BACKEND_URL": (self._state / "backend").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase_file),
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{package}:{port}" for package, port in self._ports.items()),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_SKIP_CHECKPOINTS": "false" if self._checkpoints else "true",
        }

    @property
    def _passphrase_file(self) -> Path:
        return self._state / "passphrase"

    def _write_passphrase(self) -> None:
        if not self._passphrase_file.exists():
            self._passphrase_file.touch(mode=0o600)
            self._passphrase_file.write_text(secrets.token_urlsafe(24))

    def _write_project(self) -> None:
        """The engine's own copy of the project's files: it writes into the stack's one."""
        folder = self._state / "project"
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": self._stack.project, "runtime": "python"}))
        path = folder / f"Pulumi.{self._stack.stack}.yaml"
        kept = yaml.safe_load(path.read_text()) if path.exists() else {}
        salt = {key: value for key, value in (kept or {}).items() if key == "encryptionsalt"}
        config = {key: text for key, text in self._stack.config.items() if key not in self._stack.secret_keys}
        path.write_text(yaml.safe_dump({**salt, "config": config}))

    def _pulumi(self, *command: str) -> str:
        """The output of an engine command on this stack."""
        stack = self._open()
        try:
            return str(stack._run_pulumi_cmd_sync(list(command)).stdout)
        except auto.CommandError as error:
            raise ProgramFailed(_last_words(error)) from None

    def _saved(self) -> Deployment:
        """The state as it lies on disk."""
        if not self._checkpoint.exists():
            return {}
        return dict(json.loads(self._checkpoint.read_text()).get("checkpoint", {}).get("latest") or {})

    @property
    def _checkpoint(self) -> Path:
        return self._state / "backend/.pulumi/stacks" / self._stack.project / f"{self._stack.stack}.json"

    def _release_lock(self) -> None:
        """Drop the locks of engines that are gone; one that still winds up after its driver died is waited for."""
        for path in (self._state / "backend/.pulumi/locks").glob(f"**/{self._stack.stack}/*.json"):
            process = int(json.loads(path.read_text())["pid"])
            deadline = time.monotonic() + _GONE_WITHIN
            while path.exists() and _is_engine(process):
                if time.monotonic() > deadline:
                    raise ProgramFailed(f"another run is using the stack (process {process}); end it and try again")
                time.sleep(0.2)
            path.unlink(missing_ok=True)

    def _mend_attributes(self) -> None:
        """Remove the file attributes that a killed engine left cut off: unlike the state, they are not written atomically."""
        for path in (self._state / "backend/.pulumi").glob("**/*.attrs"):
            try:
                json.loads(path.read_text())
            except ValueError:
                path.unlink(missing_ok=True)


def without_protection(stack: StackFile) -> StackFile:
    """The same settings with every `protect` and `deletion_protection` off, also those that the file leaves to their default."""
    return replace(stack, config={key: _unprotected(key, text) for key, text in stack.config.items()})


def _unprotected(key: str, text: str) -> str:
    """A value's text with the switches off; text that is no structure stays as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    section = SECTIONS.get(key.rpartition(":")[2])
    if section:
        value = section.model_validate(value).model_dump(mode="json")
    return json.dumps(_lift(value)) if isinstance(value, (dict, list)) else text


def _lift(value: Any) -> Any:
    match value:
        case dict():
            off = {key: False for key in value if key in ("protect", "deletion_protection")}
            return {key: _lift(item) for key, item in value.items()} | off
        case list():
            return [_lift(item) for item in value]
        case _:
            return value


class _Workspace(auto.LocalWorkspace):
    """Leaves out the engine command that makes a stack the chosen one: all others name it."""

    def select_stack(self, stack_name: str) -> None:
        pass


class _Stack(auto.Stack):
    """Leaves out three engine commands that the SDK runs after each run, to tell what `EngineStack` reads from the state."""

    _no_more_events: threading.Event | None = None

    def outputs(self) -> auto.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> auto.UpdateSummary:
        return auto.UpdateSummary.__new__(auto.UpdateSummary)

    def _setup_event_log(self, *arguments: Any) -> Any:
        made = super()._setup_event_log(*arguments)
        self._no_more_events = made[2]
        return made

    def _run_pulumi_cmd_sync(self, *arguments: Any) -> Any:
        """An engine that was killed never says that its events end; the SDK would wait five seconds for that."""
        try:
            return super()._run_pulumi_cmd_sync(*arguments)
        except auto.CommandError as error:
            if _killed_by(error) and self._no_more_events:
                time.sleep(_EVENTS_ARE_READ_WITHIN)
                self._no_more_events.set()
            raise


class _Command(PulumiCommand):
    """A given executable, whatever is on PATH."""

    def __init__(self, engine: Path) -> None:
        self.command = str(engine)
        self.version = _version(engine)


@cache
def _version(engine: Path) -> VersionInfo:
    said = subprocess.run([engine, "version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    return VersionInfo.parse(said.strip().removeprefix("v"))


def _is_engine(process: int) -> bool:
    """Whether the process lives and is an engine: a dead one's number may have gone to another program."""
    shown = subprocess.run(["ps", "-o", "stat=,comm=", "-p", str(process)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return "pulumi" in shown.stdout and not shown.stdout.lstrip().startswith("Z")


def _last_words(error: auto.CommandError) -> str:
    """What the engine printed as its error, or how it ended when it said nothing."""
    text = str(error)
    said = re.findall(r"^\s*(?:stderr: )?error: (.+)$", text, re.MULTILINE)
    if said:
        return "\n".join(dict.fromkeys(said))
    signal = _killed_by(error)
    return f"the engine was killed (signal {signal})" if signal else f"the engine failed: {text.strip()[-400:]}"


def _killed_by(error: auto.CommandError) -> int:
    """The signal that ended the engine, or 0."""
    code = re.search(r"code: (-?\d+)", str(error))
    return max(0, -int(code[1])) if code else 0
