"""Pods on nodes, reckoned: what stops `make up` when a machine shrinks or a pod grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from policy import cluster_nodes
from policy.capacity import Room, allocatable
from policy.cluster_pods import asked, placed
from policy.placement import place
from policy.rules.kubernetes_placement import RULES
from policy.rules.model import Resource, Stack, StackRule
from policy.run import examine
from rehearsal.cloud import open_cloud
from rehearsal.inprocess import run
from rehearsal.judging import judged, seen_by_rules
from rehearsal.recording import Recording
from tests.stacks import ACCOUNT, REGION, changed_stack, program

SMALL = {"k8s-api-auth", "k8s-api-my", "k8s-api-character", "k8s-api-location", "k8s-api-image"}


def findings(resources: list[Resource]) -> list[str]:
    found, undecided = examine(RULES, Stack(resources), of=())
    assert undecided == []
    return [f"{one.resource.name}: {one.message}" for one in found]


def test_every_machine_is_counted(prod: Recording) -> None:
    found = place(Stack(seen_by_rules(prod)))
    by_name = {one.node.name: one for one in found.holdings if not one.node.grows}
    assert len(by_name) == 14
    assert {name for name, one in by_name.items() if one.node.instance_type == "t3.small"} == SMALL
    assert sum(one.node.grows for one in found.holdings) == 9
    assert (found.unknown, found.homeless, found.crowded) == ([], [], [])


def test_each_pod_of_a_documented_node_is_counted_with_its_sidecar(prod: Recording) -> None:
    (auth,) = [one for one in place(Stack(seen_by_rules(prod))).holdings if one.node.name == "k8s-api-auth"]
    pods = [(one.name, one.memory, one.limit) for one in auth.pods if one.name.startswith("auth/")]
    assert sorted(pods) == [
        ("auth/auth-api", 256 + 96, 384 + 256),
        ("auth/ext-authz", 48 + 96, 128 + 256),
        ("auth/ext-authz", 48 + 96, 128 + 256),
    ]
    assert {"kube-system/kube-proxy", "calico-system/calico-node", "kube-system/istio-cni-node"} <= {
        one.name for one in auth.pods
    }


def test_300_mib_less_on_t3_small_are_too_little(
    prod_resources: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    def less(instance_type: str, kubelet: str) -> Room:
        found = allocatable(instance_type, kubelet)
        return replace(found, memory=found.memory - 300) if instance_type == "t3.small" else found

    assert findings(prod_resources) == []
    monkeypatch.setattr(cluster_nodes, "allocatable", less)
    said, at_limits = findings(prod_resources)
    assert said.startswith("eco2-k8s-api-auth-instance: k8s-api-auth (t3.small): memory of ")
    assert "1117 MiB there is" in said
    assert "auth/auth-api 352" in said
    assert at_limits.endswith("times the 1117 MiB that it gives; allowed: 1.5")


def test_one_toleration_less_leaves_a_pod_without_a_node(prod: Recording) -> None:
    resources = seen_by_rules(prod)
    place_, one = next((place_, one) for place_, one in enumerate(resources) if one.name == SCAN)
    spec = one.props["spec"]
    pod = {key: value for key, value in spec["template"]["spec"].items() if key != "tolerations"}
    props = {**one.props, "spec": {**spec, "template": {**spec["template"], "spec": pod}}}
    resources[place_] = replace(one, props=props)
    (said,) = findings(resources)
    assert said == (
        f"{SCAN}: scan/scan-api: no node that has node-restriction.kubernetes.io/dedicated=api-scan lets it in: "
        "it tolerates none of their taints, or there is none"
    )


SCAN = "eco2-workloads-scan-api-deployment"


def test_a_workers_type_that_no_longer_fits_stops(tmp_path: Path) -> None:
    changes = {"platform.systems": ["eco2"], "eco2.tenant_workers": {"instance_type": "t3.micro", "minimum": 1}}
    stack = changed_stack(tmp_path, "prod", changes)
    with open_cloud(region=REGION, account=ACCOUNT, manifests=tmp_path) as cloud:
        judgement = judged(seen_by_rules(run(program, stack, cloud)))
    (stops,) = [one for one in judgement.stopping if one.rule.name == "cluster-pods-fit"]
    assert stops.message.startswith("k8s-tenant-1 (t3.micro): memory of ")
    assert "tenant_workers.instance_type" in stops.rule.remedy


def test_both_rules_stop() -> None:
    assert all(isinstance(rule, StackRule) and rule.mandatory for rule in RULES)


def _container(memory: str, limit: str | None = None, **more: str) -> dict[str, object]:
    limits = {"limits": {"memory": limit}} if limit else {}
    return {"resources": {"requests": {"cpu": "10m", "memory": memory}, **limits}, **more}


def test_a_pod_counts_for_what_it_needs_at_once() -> None:
    before, beside, itself = (
        _container("500Mi"),
        _container("50Mi", restartPolicy="Always"),
        _container("100Mi", "200Mi"),
    )
    assert asked({"containers": [itself, itself]})["memory"] == 200
    assert asked({"initContainers": [before], "containers": [itself]})["memory"] == 500
    assert asked({"initContainers": [beside, before], "containers": [itself]})["memory"] == 550
    assert asked({"initContainers": [before, beside], "containers": [itself]})["memory"] == 500
    sidecar = {"requests": {"cpu": "5m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}}
    assert asked({"containers": [itself]}, sidecar) == {"cpu": 15, "memory": 196, "limit": 456}


def test_what_asks_for_nothing_asks_for_its_limit() -> None:
    assert asked({"containers": [{"resources": {"limits": {"memory": "64Mi", "cpu": "1"}}}, {}]}) == {
        "cpu": 1000,
        "memory": 64,
        "limit": 64,
    }


def test_what_keeps_pods_apart_is_seen() -> None:
    spread = {"topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
    hard = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [spread]}}
    assert placed({"topologySpreadConstraints": [spread]})["apart"]
    assert placed({"affinity": hard})["apart"]
    assert placed({"containers": [{"ports": [{"hostPort": 80}]}]})["apart"]
    assert not placed({"topologySpreadConstraints": [{**spread, "whenUnsatisfiable": "ScheduleAnyway"}]})["apart"]
