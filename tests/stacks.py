"""Runs of the real program over the real stack files."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from infra.settings import SECRETS
from rehearsal.cloud import Cloud, open_cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from rehearsal.recording import Recording
from rehearsal.stack_file import StackFile, load_stack_file

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "__main__.py"
REGION = "ap-northeast-2"
ACCOUNT = "290008131187"


def program() -> None:
    """The unmodified program."""
    runpy.run_path(str(PROGRAM))


def stack_file(stack: str, root: Path = ROOT) -> StackFile:
    return load_stack_file(root, stack, secrets=SECRETS)


@contextmanager
def stack_up(stack: str, manifests: Path) -> Iterator[tuple[Recording, Cloud]]:
    """The stack, standing in a fresh cloud."""
    with open_cloud(region=REGION, account=ACCOUNT, manifests=manifests) as cloud:
        recording = run(program, stack_file(stack), cloud)
        write_manifests(recording, manifests)
        yield recording, cloud


def changed_stack(folder: Path, stack: str, changes: dict[str, Any]) -> StackFile:
    """The stack's file with values at dotted keys changed (`wealist.network.nat`); `...` as a value removes the key."""
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())
    for key, value in changes.items():
        _set(content["config"], key, value)
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(content))
    return stack_file(stack, folder)


def _set(config: dict[str, Any], dotted: str, value: Any) -> None:
    if ":" in dotted:
        first, rest = dotted, []
    else:
        section, *rest = dotted.split(".")
        first = f"edge-platform:{section}"
    *path, last = [first, *rest]
    for part in path:
        config = config[part]
    if value is ...:
        del config[last]
    else:
        config[last] = value
