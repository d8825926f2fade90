"""What the cluster of a stack is given: its nodes as EC2 and the master make them, and all that pods come from, with sidecars."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml

from infra.systems.eco2 import bootstrap
from infra.systems.eco2.document import CONTROL_PLANE_TAINT
from infra.systems.eco2.document import Node as Documented
from infra.systems.eco2.versions import ISTIOD
from policy.capacity import Room, allocatable, capacity
from tests.cluster.charts import objects_of, template
from tests.mesh.manifests import Manifest, chart_values
from tests.tools import required_tool
from tests.trial import operators
from tools.chart_sources import SOURCES

KUBELET = bootstrap.FILES / "config/kubeadm-init.yaml"
PODS = Path(__file__).parents[1] / "inventory/pods.json"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
BUDGET, ROLLOUT, AUTOSCALER = "PodDisruptionBudget", "Rollout", "HorizontalPodAutoscaler"
INJECTED = "istio-injection"


def node(one: Documented) -> Manifest:
    """A documented node as it is once the master has dedicated it."""
    own = {CONTROL_PLANE_TAINT: ""} if one.role == bootstrap.CONTROL_PLANE else {}
    return _node(
        one.name, one.instance_type, one.zone, {**own, **bootstrap.node_labels(one)}, bootstrap.node_taints(one)
    )


def tenant_node(name: str, instance_type: str, zone: str) -> Manifest:
    return _node(name, instance_type, zone, bootstrap.node_labels(None), [])


def _node(name: str, instance_type: str, zone: str, labels: dict[str, str], taints: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node.kubernetes.io/instance-type": instance_type,
                "topology.kubernetes.io/zone": f"ap-northeast-2{zone}",
                "topology.kubernetes.io/region": "ap-northeast-2",
                **labels,
            },
        },
        "spec": {"taints": taints},
        "status": {
            "capacity": _quantities(capacity(instance_type)),
            "allocatable": _quantities(allocatable(instance_type, KUBELET.read_text())),
        },
    }


def _quantities(holds: Room) -> dict[str, str]:
    return {"cpu": f"{holds.cpu}m", "memory": f"{holds.memory}Mi", "pods": str(holds.pods)}


def workloads(folder: Path, objects: Sequence[Manifest]) -> list[Manifest]:
    """Everything that pods come from: of the stack, of its charts, and what operators make; sidecars are in.

    Rollouts are Deployments here, with the fewest pods that their autoscaler leaves; `with_steps` has them as they are.
    """
    own = [
        _without_steps(one, objects) if one["kind"] == ROLLOUT else one
        for one in objects
        if one["kind"] in (*WORKLOADS, ROLLOUT)
    ]
    of_charts = [
        one for application in objects if application["kind"] == "Application" for one in of_chart(application)
    ]
    made = [*operators.prometheus(objects), *operators.kafka(objects), *operators.calico(objects), *operators.kubeadm()]
    everything = [*own, *of_charts, *made]
    return _injected(folder, objects, everything)


def budgets(objects: Sequence[Manifest]) -> list[Manifest]:
    """The disruption budgets that charts and operators bring; those of the stack are among its objects."""
    of_charts = [
        one
        for application in objects
        if application["kind"] == "Application"
        for one in _objects_of_chart(application)
        if one["kind"] == BUDGET
    ]
    return [*of_charts, *operators.budgets(objects)]


def release_of(application: Manifest) -> str | None:
    """The release of the chart that an Application brings; None for one of manifests."""
    source = application["spec"].get("source") or {}
    return source["helm"]["releaseName"] if "chart" in source else None


def of_chart(application: Manifest) -> list[Manifest]:
    """The workloads of a chart with the stack's own values."""
    return [one for one in _objects_of_chart(application) if one["kind"] in WORKLOADS and not _leaves(one)]


def _objects_of_chart(application: Manifest) -> Sequence[Manifest]:
    """Rendered where a module has the chart, else its workloads and budgets as recorded."""
    if (release := release_of(application)) is None:
        return []
    if release not in SOURCES:
        return _recorded().get(release, [])
    return _rendered(release, json.dumps(application["spec"]["source"]["helm"]["valuesObject"], sort_keys=True))


@cache
def _rendered(release: str, values: str) -> tuple[Manifest, ...]:
    return objects_of(release, template(release, json.loads(values)))


def _without_steps(rollout: Manifest, objects: Sequence[Manifest]) -> Manifest:
    """A Rollout as a Deployment: both have their pods made by ReplicaSets, and the steps between are its controller's affair."""
    spec = {key: rollout["spec"][key] for key in ("selector", "template")}
    spec["replicas"] = rollout["spec"].get("replicas") or _fewest(rollout, objects)
    return {**rollout, "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}


def _fewest(rollout: Manifest, objects: Sequence[Manifest]) -> int:
    """What its autoscaler leaves."""
    (found,) = (
        one["spec"]["minReplicas"]
        for one in objects
        if one["kind"] == AUTOSCALER
        and one["metadata"]["namespace"] == rollout["metadata"]["namespace"]
        and one["spec"]["scaleTargetRef"]["name"] == rollout["metadata"]["name"]
    )
    return int(found)


def with_steps(workloads: Sequence[Manifest], rollouts: Sequence[Manifest]) -> list[Manifest]:
    """The Rollouts in their Deployments' place, as they are rendered but for their pods, which have the sidecars."""
    rendered = {_name(one): one for one in rollouts}
    return [_stepped(rendered[_name(one)], one) if _name(one) in rendered else one for one in workloads]


def _stepped(rollout: Manifest, deployment: Manifest) -> Manifest:
    return {**rollout, "spec": {**rollout["spec"], "template": deployment["spec"]["template"]}}


def _name(one: Manifest) -> tuple[str, str]:
    return one["metadata"]["namespace"], one["metadata"]["name"]


def _leaves(one: Manifest) -> bool:
    """A hook of a chart's end or of its test: it is no part of what stands."""
    hooks = (one["metadata"].get("annotations") or {}).get("helm.sh/hook", "").split(",")
    return bool({"pre-delete", "post-delete", "test"} & set(hooks))


@cache
def _recorded() -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = json.loads(PODS.read_text())
    return found


def _injected(folder: Path, objects: Sequence[Manifest], everything: Sequence[Manifest]) -> list[Manifest]:
    """Those in namespaces that ask for sidecars go through istiod's own injection, with its chart's template."""
    inside = {
        one["metadata"]["name"]
        for one in objects
        if one["kind"] == "Namespace" and one["metadata"].get("labels", {}).get(INJECTED) == "enabled"
    }
    asked = [one for one in everything if one["metadata"]["namespace"] in inside]
    others = [one for one in everything if one["metadata"]["namespace"] not in inside]
    (injector,) = (
        one
        for one in objects_of(ISTIOD.release, template(ISTIOD.release, chart_values(objects, ISTIOD.chart)))
        if one["metadata"]["name"] == "istio-sidecar-injector" and "data" in one
    )
    files = {
        "-template": injector["data"]["config"],
        "-values": injector["data"]["values"],
        "-mesh": json.dumps(chart_values(objects, ISTIOD.chart)["meshConfig"]),
    }
    command: list[str | Path] = [required_tool("mesh"), "inject"]
    for flag, text in files.items():
        (folder / flag[1:]).write_text(text)
        command += [flag, folder / flag[1:]]
    said = subprocess.run(
        command, input="\n---\n".join(map(json.dumps, asked)), capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    found = [one for one in yaml.load_all(said.stdout, Loader=yaml.CSafeLoader) if one]
    assert len(found) == len(asked)
    return [*others, *found]
