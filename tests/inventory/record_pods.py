"""Records in pods.json what a scheduler, and who drains a node, sees of charts that no package has:
`python -m tests.inventory.record_pods RELEASE FOLDER`.

Like tests/inventory/record.py, from a folder of the chart's own repository; a person looks before the file is committed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.cluster.charts import objects_of, parts, pod_templates, template
from tests.mesh.manifests import Manifest

FILE = Path(__file__).parent / "pods.json"
POD = (
    "nodeSelector",
    "tolerations",
    "affinity",
    "topologySpreadConstraints",
    "hostNetwork",
    "priorityClassName",
    "restartPolicy",
)


def seen(release: str, folder: Path) -> list[Manifest]:
    """Each workload of a chart, with what of its pods a scheduler goes by, and each disruption budget, as objects of its kind."""
    objects = objects_of(release, template(release, parts()[release].values, folder))
    budgets = [{**one, "metadata": _names(one)} for one in objects if one["kind"] == "PodDisruptionBudget"]
    return [*(_shape(workload, pod) for workload, pod in pod_templates(objects)), *budgets]


def _names(one: Manifest) -> Manifest:
    return {key: one["metadata"][key] for key in ("name", "namespace")}


def _shape(workload: Manifest, pod: Manifest) -> Manifest:
    spec = {key: pod["spec"][key] for key in POD if pod["spec"].get(key)}
    labels = pod["metadata"].get("labels") or {}
    found: dict[str, Any] = {
        "apiVersion": workload["apiVersion"],
        "kind": workload["kind"],
        "metadata": _names(workload),
        "spec": {
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    **spec,
                    **{
                        key: [_container(one) for one in pod["spec"][key]]
                        for key in ("initContainers", "containers")
                        if pod["spec"].get(key)
                    },
                },
            }
        },
    }
    kept = ("replicas", "selector", "strategy", "updateStrategy", "serviceName")
    found["spec"] |= {key: workload["spec"][key] for key in kept if key in workload["spec"]}
    if claims := workload["spec"].get("volumeClaimTemplates"):
        found["spec"]["volumeClaimTemplates"] = [
            {
                **{key: one[key] for key in ("apiVersion", "kind") if key in one},
                "metadata": {"name": one["metadata"]["name"]},
                "spec": one["spec"],
            }
            for one in claims
        ]
    return found


def _container(one: Manifest) -> Manifest:
    return {key: one[key] for key in ("name", "image", "resources", "restartPolicy") if one.get(key)}


def main(release: str, folder: str) -> None:
    content = json.loads(FILE.read_text()) if FILE.exists() else {}
    content[release] = seen(release, Path(folder))
    FILE.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    print(f"{release}: {len(content[release])} objects")


if __name__ == "__main__":
    main(*sys.argv[1:])
