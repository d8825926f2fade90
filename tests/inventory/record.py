"""Renders a chart that no package has, from a folder of its own repository, and records what was seen in charts.json:
`python -m tests.inventory.record RELEASE FOLDER VERSION`.

It says which values no template reads, and what of the objects is none of ours; a person looks before the file is committed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.cluster.charts import leaves, objects_of, parts, pod_templates, template, unread
from tests.mesh.manifests import Manifest

FILE = Path(__file__).parent / "charts.json"


def seen(release: str, folder: Path, version: str) -> dict[str, Any]:
    """What the file has of a chart: all by name, so that two looks at one version are the same bytes."""
    objects = objects_of(release, template(release, parts()[release].values, folder))
    without = set(unread(release, folder))
    paths = {".".join(one.path) for one in leaves(parts()[release].values) if one.path}
    return {
        "accounts": sorted(_reference(one) for one in objects if one["kind"] == "ServiceAccount"),
        "definitions": sorted(one["metadata"]["name"] for one in objects if one["kind"] == "CustomResourceDefinition"),
        "hooks": sorted({hook for one in objects for hook in _hooks(one)}),
        "kinds": sorted({f"{one['apiVersion']}/{one['kind']}" for one in objects}),
        "pods": {f"{one['kind']} {_reference(one)}": _pod(pod) for one, pod in pod_templates(objects)},
        "services": {
            _reference(one): {
                str(port["port"]): str(port.get("targetPort", port["port"])) for port in one["spec"]["ports"]
            }
            for one in objects
            if one["kind"] == "Service"
        },
        "values": sorted(paths - without),
        "version": version,
    }


def _reference(one: Manifest) -> str:
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"


def _hooks(one: Manifest) -> list[str]:
    hooks = (one["metadata"].get("annotations") or {}).get("helm.sh/hook", "")
    return [hook for hook in hooks.split(",") if hook]


def _pod(template: Manifest) -> dict[str, Any]:
    containers = [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]
    return {
        "host_network": template["spec"].get("hostNetwork", False),
        "images": sorted({container["image"] for container in containers}),
        "labels": template["metadata"]["labels"],
        "limits_cpu": sorted(
            one["name"] for one in containers if "cpu" in (one.get("resources") or {}).get("limits", {})
        ),
        "ports": sorted({port["containerPort"] for container in containers for port in container.get("ports") or ()}),
        "service_account": template["spec"].get("serviceAccountName", "default"),
    }


def main(release: str, folder: str, version: str) -> None:
    content = json.loads(FILE.read_text())
    content["charts"][release] = seen(release, Path(folder), version)
    FILE.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    print("no template reads:", ", ".join(unread(release, Path(folder))) or "nothing")


if __name__ == "__main__":
    main(*sys.argv[1:])
