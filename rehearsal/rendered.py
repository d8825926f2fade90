"""Every rendered Kubernetes object of a stack that stands: `pulumi stack export | python -m rehearsal.rendered FOLDER`.

An update on the engine renders only the objects that it changes, into a folder that a fresh checkout does not have. The state knows
them all, so what Argo CD is given does not depend on which runs came before. The files are those that `make up` writes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from rehearsal.engine.state import Deployment, resources_of
from rehearsal.kubernetes import KubernetesProvider
from rehearsal.provider import Rejected
from rehearsal.values import Secret, contains

_PROVIDER = "pulumi:providers:kubernetes"
_RENDERS = "renderYamlToDirectory"


class NotRendered(Exception):
    """The manifests cannot be written; the message says which object is wrong."""


def write_rendered(deployment: Deployment, folder: Path) -> int:
    """Make `folder` hold just the objects that a rendering provider has in the state, `<system>/…`; how many there are."""
    entries = deployment.get("resources") or []
    rendering = {
        f"{entry['urn']}::{entry['id']}"
        for entry in entries
        if entry["type"] == _PROVIDER and (entry.get("inputs") or {}).get(_RENDERS)
    }
    mine = {entry["urn"] for entry in entries if entry.get("provider") in rendering}
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    writer = KubernetesProvider(draft)
    objects = [one for one in resources_of(deployment) if one.urn in mine and one.custom]
    for one in objects:
        if contains(one.inputs, lambda value: isinstance(value, Secret)):
            raise NotRendered(f"{one.name} ({one.type}) holds a secret: a rendered object is plain text in Git")
        try:
            writer.create(one.urn, one.type, one.inputs)
        except Rejected as error:
            raise NotRendered(f"{one.name}: {error}") from None
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(draft, folder)
    return len(objects)


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
