"""One preview of the prod stack by the engine, in a folder of its own: `python -m tests.bench.engine FOLDER [PACK]`."""

from __future__ import annotations

import sys
from pathlib import Path

from rehearsal.cloud import open_cloud
from rehearsal.engine.servicer import serve_cloud
from rehearsal.engine.stack import EngineStack
from tests.stacks import ACCOUNT, REGION, ROOT, stack_file
from tests.tools import required_engine


def main(folder: Path, pack: Path | None = None) -> None:
    with (
        open_cloud(region=REGION, account=ACCOUNT, manifests=folder / "manifests") as cloud,
        serve_cloud(cloud) as ports,
    ):
        state = folder / "state"
        EngineStack(ROOT, stack_file("prod"), ports, state, required_engine(), checkpoints=False, pack=pack).preview()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
