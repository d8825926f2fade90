"""One preview of the prod stack by the engine, in a folder of its own: `python -m tests.bench.engine FOLDER [PACK]`."""

from __future__ import annotations

import json
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
        # What the policies find is for the tests: here they are advice, so that the preview goes on to its end.
        levels = folder / "levels.json"
        levels.write_text(json.dumps({"all": "advisory"}))
        EngineStack(
            ROOT, stack_file("prod"), ports, folder / "state", required_engine(),
            checkpoints=False, pack=pack, pack_config=levels if pack else None,
        ).preview()  # fmt: skip


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
