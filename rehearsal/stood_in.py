"""A stack's file and its state with a stand-in for every secret: what a preview needs of both, with nothing to steal.

`python -m rehearsal.stood_in file STACK` changes `Pulumi.<stack>.yaml` where it stands: nothing in it is encrypted any more.
`python -m rehearsal.stood_in state SAVED EMPTY` takes a state's file, as its bucket has it, and the export of an empty stack, and
prints what that stack imports.

Every text gets the same stand-in, in the file as in the state: what goes on as it is, which all secrets here do, is unchanged in a
preview. Why: docs/adr/0016.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pulumi.runtime import rpc

from rehearsal.stack_file import KUBECONFIG, StackFileError

STAND_IN = "stand-in-for-a-secret"
"""As an ElastiCache token, a password and a URL's path may be."""

_ENCRYPTION = ("secretsprovider", "encryptedkey", "encryptionsalt")
_SIGNATURE, _SECRET = rpc._special_sig_key, rpc._special_secret_sig


def without_encryption(content: dict[str, Any]) -> dict[str, Any]:
    """A stack file's content that no key opens, since there is nothing to open."""
    config = {
        key: _for(key) if isinstance(value, dict) and value.keys() == {"secure"} else _plain(key, value)
        for key, value in (content.get("config") or {}).items()
    }
    return {**{key: value for key, value in content.items() if key not in _ENCRYPTION}, "config": config}


def _plain(key: str, value: Any) -> Any:
    """A secret within a mapping or a list too (`--path`)."""
    if isinstance(value, dict):
        if value.keys() == {"secure"}:
            return _for(key)
        return {inner: _plain(inner, one) for inner, one in value.items()}
    return [_plain(key, one) for one in value] if isinstance(value, list) else value


def imported(saved: dict[str, Any], empty: dict[str, Any]) -> dict[str, Any]:
    """A bucket's checkpoint as a deployment of another stack of the same name, whose secrets that one's key encrypts."""
    latest = saved["checkpoint"]["latest"] or {}
    kept = {key: _opened(value) for key, value in latest.items() if key != "secrets_providers"}
    deployment = {**kept, "secrets_providers": empty["deployment"].get("secrets_providers")}
    return {**{key: value for key, value in saved.items() if key != "checkpoint"}, "deployment": deployment}


def _opened(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return [_opened(one, name) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get(_SIGNATURE) == _SECRET:
        return {_SIGNATURE: _SECRET, "plaintext": json.dumps(_for(name))}
    return {key: _opened(one, key) for key, one in value.items()}


def _for(name: str) -> str:
    """What the SDK reads as a file of its own stays one."""
    return json.dumps(KUBECONFIG) if name.endswith("kubeconfig") else STAND_IN


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["file", stack]:
            path = Path(f"Pulumi.{stack}.yaml")
            if not path.exists():
                raise StackFileError(f"there is no {path} here")
            path.write_text(yaml.safe_dump(without_encryption(yaml.safe_load(path.read_text())), sort_keys=False))
        case ["state", saved, empty]:
            print(json.dumps(imported(*(json.loads(Path(one).read_text()) for one in (saved, empty)))))
        case _:
            print("usage: python -m rehearsal.stood_in file STACK | state SAVED EMPTY", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
