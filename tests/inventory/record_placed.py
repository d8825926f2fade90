"""Records what a scheduler counts of the pods that charts, operators and kubeadm bring: `python -m tests.inventory.record_placed`.

It goes into policy/chart_pods.json, from prod's rendered objects: Helm templates the charts, tests/trial/operators.py has the rest.
tests/trial/test_chart_pods.py compares, for both stacks.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.systems import REGISTRY
from infra.systems.eco2.versions import CALICO, PROMETHEUS
from policy.cluster_pods import CHART_PODS, asked, placed
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.manifests import write_manifests
from tests.mesh.manifests import Manifest, read
from tests.stacks import ACCOUNT, REGION, changed_stack, program
from tests.trial import operators, world


def recorded(objects: Sequence[Manifest]) -> dict[str, list[dict[str, Any]]]:
    """Each release's pods, and kubeadm's."""
    found: dict[str, list[Manifest]] = {"kubeadm": operators.kubeadm()}
    for one in objects:
        if one["kind"] == "Application" and (release := world.release_of(one)):
            found[release] = world.of_chart(one)
    found[PROMETHEUS.release] = [*found[PROMETHEUS.release], *operators.prometheus(objects)]
    found[CALICO.release] = [*found[CALICO.release], *operators.calico(objects)]
    return {
        release: sorted((_pods(one) for one in workloads if _is_for(one)), key=lambda pods: str(pods["name"]))
        for release, workloads in sorted(found.items())
        if any(map(_is_for, workloads))
    }


def _is_for(workload: Manifest) -> bool:
    """Not for Windows, and not switched off."""
    spec = _template(workload)["spec"]
    return bool(
        spec.get("nodeSelector", {}).get("kubernetes.io/os") != "windows" and workload["spec"].get("replicas") != 0
    )


def _template(workload: Manifest) -> Manifest:
    spec = workload["spec"]
    found: Manifest = spec["jobTemplate"]["spec"]["template"] if workload["kind"] == "CronJob" else spec["template"]
    return found


def _pods(workload: Manifest) -> dict[str, Any]:
    kind, spec = workload["kind"], _template(workload)["spec"]
    strategy = workload["spec"].get("strategy", {})
    surges = kind == "Deployment" and strategy.get("type") != "Recreate"
    surge = strategy.get("rollingUpdate", {}).get("maxSurge", "25%")
    found = {
        "name": f"{workload['metadata']['namespace']}/{workload['metadata']['name']}",
        "copies": workload["spec"].get("replicas", 1),
        "surge": (surge if isinstance(surge, int) else 1) if surges else 0,
        "everywhere": kind == "DaemonSet",
        "passing": kind in ("Job", "CronJob"),
        **asked(spec),
        **placed(spec),
    }
    return {key: value for key, value in found.items() if value or key in ("copies", "cpu", "memory", "limit")}


def written(found: dict[str, list[dict[str, Any]]]) -> str:
    """A line for each workload."""
    releases = (
        f" {json.dumps(release)}: [\n" + ",\n".join(f"  {json.dumps(one, sort_keys=True)}" for one in pods) + "\n ]"
        for release, pods in found.items()
    )
    return "{\n" + ",\n".join(releases) + "\n}\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, manifests = Path(name), Path(name) / "manifests"
        manifests.mkdir()
        stack = changed_stack(folder, "prod", {"platform.systems": [one for one in REGISTRY if one not in AWS_ONLY]})
        with open_cloud(region=REGION, account=ACCOUNT, manifests=manifests) as cloud:
            write_manifests(run(program, stack, cloud), manifests)
        CHART_PODS.write_text(written(recorded(read(manifests))))


AWS_ONLY = ("wealist", "delivery")


if __name__ == "__main__":
    main()
