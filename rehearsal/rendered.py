"""Every rendered Kubernetes object of a stack that stands: `pulumi stack export | python -m rehearsal.rendered FOLDER`.

The state has them all, so what Argo CD is given depends neither on which runs came before nor on who ran them. The files are
those that `make up` writes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from rehearsal.engine.state import Deployment, resources_of
from rehearsal.manifests import NotRendered, write_manifests


def write_rendered(deployment: Deployment, folder: Path) -> int:
    """Make `folder` hold just the rendered objects of the state, `<system>/…`; how many there are."""
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    count = write_manifests(resources_of(deployment), draft)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(draft, folder)
    return count


def main(arguments: list[str]) -> int:
    """Read the export from stdin; print `objects=<count>` as a workflow's output."""
    if len(arguments) != 1:
        print("the folder to write, and nothing else: python -m rehearsal.rendered FOLDER", file=sys.stderr)
        return 2
    try:
        export: dict[str, Any] = json.load(sys.stdin)
        print(f"objects={write_rendered(export['deployment'], Path(arguments[0]))}")
    except (json.JSONDecodeError, KeyError, TypeError):
        print("stdin holds no `pulumi stack export`", file=sys.stderr)
        return 1
    except NotRendered as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
