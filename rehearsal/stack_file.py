"""The project's files as the engine reads them: `Pulumi.yaml` and `Pulumi.<stack>.yaml`, secrets stood in for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KUBECONFIG = {
    "kind": "Config",
    "current-context": "rehearsal",
    "contexts": [{"name": "rehearsal", "context": {"cluster": "rehearsal", "user": "rehearsal"}}],
    "clusters": [{"name": "rehearsal", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "rehearsal", "user": {}}],
}
"""Of no cluster: the embedded one asks for none."""


class StackFileError(Exception):
    """The stack file cannot be used; the message says what to mend."""


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """One stack's configuration: full keys (`edge-platform:wealist`) to their text, and which of them are secret.

    `stood_in` are the secrets that the rehearsal made up, since only the real engine can open the encrypted ones.
    """

    project: str
    stack: str
    path: Path
    config: dict[str, str]
    secret_keys: frozenset[str]
    stood_in: tuple[str, ...]


def project_name(root: Path) -> str:
    return str(_mapping(root / "Pulumi.yaml")["name"])


def stacks(root: Path) -> list[str]:
    """The stacks that have a file in the project."""
    return sorted(path.name.split(".")[1] for path in root.glob("Pulumi.*.yaml"))


def load_stack_file(root: Path, stack: str, *, secrets: Iterable[str]) -> StackFile:
    """Read `Pulumi.<stack>.yaml`; each of the program's `secrets` that it encrypts or lacks gets a stand-in."""
    path = root / f"Pulumi.{stack}.yaml"
    if not path.exists():
        raise StackFileError(
            f"there is no stack '{stack}': the project has {', '.join(stacks(root))} (Pulumi.<stack>.yaml)"
        )
    project = project_name(root)
    raw = _mapping(path).get("config") or {}
    if not isinstance(raw, dict):
        raise StackFileError(f"{path.name}: 'config' is not a mapping of keys to values")
    encrypted = {key for key, value in raw.items() if isinstance(value, dict) and value.keys() == {"secure"}}
    missing = {f"{project}:{name}" for name in secrets} - raw.keys()
    config = {key: _text(value) for key, value in raw.items() if key not in encrypted}
    stood_in = sorted(encrypted | missing)
    config |= {key: _stand_in(key) for key in stood_in}
    return StackFile(
        project=project,
        stack=stack,
        path=path,
        config=config,
        secret_keys=frozenset(stood_in),
        stood_in=tuple(stood_in),
    )


def _mapping(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise StackFileError(f"{path.name}{line}: not YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(content, dict):
        raise StackFileError(f"{path.name}: a mapping is expected at the top")
    return content


def _text(value: Any) -> str:
    """A scalar as the engine hands it over: text; anything structured as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _stand_in(key: str) -> str:
    if key.endswith("-kubeconfig"):
        return json.dumps(KUBECONFIG)
    return "rehearsal-" + hashlib.sha256(key.encode()).hexdigest()[:24]
