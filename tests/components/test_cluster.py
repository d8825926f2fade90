"""The cluster's rooms: what the builders write, what they refuse, and protections taken out again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.components.cluster.delivery import applied
from infra.components.cluster.jobs import Schedule, Task, TaskArgs, cron_body
from infra.components.cluster.metadata import Identity, metadata
from infra.components.cluster.namespace import NamespaceArgs, namespace_labels
from infra.components.cluster.objects import KubernetesObject
from infra.components.cluster.pods import (
    Claimed,
    ConfigFiles,
    Container,
    Placement,
    Pod,
    Resources,
    Scratch,
    SecretFiles,
    Volume,
    pod_template,
)
from infra.components.cluster.secrets import (
    FetchedSecretArgs,
    ParameterStore,
    ParameterStoreArgs,
    external_secret,
)
from infra.components.cluster.stateful import Claim, StatefulServer, StatefulServerArgs, statefulset_body
from infra.components.cluster.workload import (
    Port,
    Scaling,
    Workload,
    WorkloadArgs,
    autoscaler_body,
    deployment_body,
)
from rehearsal.cloud import Cloud
from rehearsal.inprocess import run
from rehearsal.kubernetes import KubernetesProvider
from rehearsal.recording import Recording
from rehearsal.stack_file import StackFile
from tests.stacks import ROOT

STACK = StackFile(project="cluster", stack="test", path=ROOT, config={}, secret_keys=frozenset(), stood_in=())
IDENTITY = Identity(name="api", namespace="shop", part_of="shop", wave=3)
SIZE = Resources(cpu="10m", memory="16Mi", memory_limit="32Mi")
CONTAINER = Container(name="api", image="registry.example/shop/api:1.0", resources=SIZE)
POD = Pod(containers=[CONTAINER], placement=Placement(labels={"role": "api"}), user=1000)
PORT = Port(name="http", number=8000, protocol="http")
SERVER = StatefulServerArgs(
    identity=IDENTITY,
    pod=replace(POD, volumes={"data": Claimed()}),
    port=PORT,
    claim=Claim(name="data", storage_class="fast", gib=5),
    files={"server.conf": "a = 1"},
    protect=True,
)
TASK = TaskArgs(identity=IDENTITY, pod=replace(POD, restart="Never"), files={"run.sh": ":"}, deadline_seconds=60)


def registered(program: Any, folder: Path) -> Recording:
    """What the program registers on a cluster, which is the folder; without a provider of its own it renders."""
    return run(program, STACK, Cloud({"kubernetes": KubernetesProvider(folder)}))


def on_a_cluster() -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(provider=applied("cluster", "a kubeconfig"))


def kinds(recording: Recording) -> list[str]:
    return sorted(one.type.split(":")[-1] for one in recording if one.custom)


@pytest.mark.parametrize(
    "image",
    [
        "redis",
        "redis:latest",
        "registry.example:5000/redis",
        "registry.example/redis:latest@sha256:" + "0" * 64,
        "",
        ":1",
    ],
)
def test_an_image_without_a_release_is_refused(image: str) -> None:
    with pytest.raises(ValueError, match="not pinned"):
        pod_template(replace(POD, containers=[replace(CONTAINER, image=image)]), account="api", labels={})


@pytest.mark.parametrize(
    "image",
    [
        "redis:7.4.9",
        "registry.example:5000/a/redis:7",
        "redis@sha256:" + "0" * 64,
        "redis:7@sha256:" + "0" * 64,
        "a:latest2",
    ],
)
def test_a_release_is_taken(image: str) -> None:
    made = pod_template(replace(POD, containers=[replace(CONTAINER, image=image)]), account="api", labels={})
    assert made["spec"]["containers"][0]["image"] == image


def test_what_runs_first_is_held_to_the_same() -> None:
    with pytest.raises(ValueError, match="not pinned"):
        pod_template(replace(POD, first=[replace(CONTAINER, image="redis")]), account="api", labels={})


def test_a_mount_of_no_volume_is_refused() -> None:
    with pytest.raises(ValueError, match="mounts volumes that the pod has not: data"):
        pod_template(replace(POD, containers=[replace(CONTAINER, mounts={"/data": "data"})]), account="api", labels={})


def test_secrets_and_files_are_mounted_for_reading_only() -> None:
    volumes: dict[str, Volume] = {
        "s": SecretFiles(secret="x"),
        "c": ConfigFiles(config_map="y"),
        "t": Scratch(size="1Mi", memory=True),
    }
    pod = replace(POD, volumes=volumes, containers=[replace(CONTAINER, mounts={"/s": "s", "/c": "c", "/t": "t"})])
    spec = pod_template(pod, account="api", labels={})["spec"]
    assert spec["containers"][0]["volumeMounts"] == [
        {"name": "c", "mountPath": "/c", "readOnly": True},
        {"name": "s", "mountPath": "/s", "readOnly": True},
        {"name": "t", "mountPath": "/t"},
    ]
    assert spec["volumes"] == [
        {"name": "c", "configMap": {"name": "y", "defaultMode": 0o444}},
        {"name": "s", "secret": {"secretName": "x", "defaultMode": 0o440}},
        {"name": "t", "emptyDir": {"sizeLimit": "1Mi", "medium": "Memory"}},
    ]


def test_a_container_that_drains_needs_no_shell_for_it() -> None:
    made = pod_template(replace(POD, containers=[replace(CONTAINER, drain_seconds=5)]), account="api", labels={})
    assert made["spec"]["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}


def test_a_workload_that_nobody_calls_has_no_service(tmp_path: Path) -> None:
    recording = registered(lambda: Workload("x", WorkloadArgs(identity=IDENTITY, pod=POD)), tmp_path)
    assert kinds(recording) == ["Deployment", "ServiceAccount"]


def test_a_replicated_one_has_a_budget(tmp_path: Path) -> None:
    args = WorkloadArgs(identity=IDENTITY, pod=POD, port=PORT, replicas=2)
    recording = registered(lambda: Workload("x", args), tmp_path)
    assert kinds(recording) == ["Deployment", "PodDisruptionBudget", "Service", "ServiceAccount"]
    assert recording.one("PodDisruptionBudget")["spec.selector.matchLabels"] == IDENTITY.selector


def test_selector_and_pod_labels_agree() -> None:
    for body in (deployment_body(WorkloadArgs(identity=IDENTITY, pod=POD)), statefulset_body(SERVER)):
        wanted = body["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= body["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("protect", [True, False])
def test_only_what_holds_data_is_protected(tmp_path: Path, protect: bool) -> None:
    recording = registered(lambda: StatefulServer("x", replace(SERVER, protect=protect)), tmp_path)
    assert kinds(recording) == ["ConfigMap", "Service", "ServiceAccount", "StatefulSet"]
    assert {one.type.split(":")[-1] for one in recording if one.protect} == ({"StatefulSet"} if protect else set())


def test_a_task_without_a_clock_runs_at_each_sync(tmp_path: Path) -> None:
    recording = registered(lambda: Task("x", TASK), tmp_path)
    assert kinds(recording) == ["ConfigMap", "Job", "ServiceAccount"]
    job = recording.one("Job")
    assert job["metadata.annotations"]["argocd.argoproj.io/hook"] == "Sync"
    assert job.delete_before_replace


def test_a_task_with_a_clock_never_overlaps_itself(tmp_path: Path) -> None:
    scheduled = replace(TASK, schedule=Schedule(cron="0 3 * * *", time_zone="Asia/Seoul"))
    assert kinds(registered(lambda: Task("x", scheduled), tmp_path)) == ["ConfigMap", "CronJob", "ServiceAccount"]
    assert scheduled.schedule is not None
    spec = cron_body(scheduled, scheduled.schedule)["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 60


def test_objects_hang_below_their_component_and_tell_their_wave(tmp_path: Path) -> None:
    recording = registered(lambda: StatefulServer("x", SERVER), tmp_path)
    for one in recording:
        if one.custom:
            assert "platform:cluster:StatefulServer" in one.parent
            assert one["metadata.annotations"]["argocd.argoproj.io/sync-wave"] == "3"


def test_a_namespace_may_do_with_less_only_when_it_says_so() -> None:
    args = NamespaceArgs(namespace="shop", kubernetes="v1.36")
    labels = namespace_labels(args)
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert "istio-injection" not in labels
    privileged = namespace_labels(replace(args, security="privileged", sidecars=True))
    assert privileged["pod-security.kubernetes.io/enforce"] == "privileged"
    # What it does beyond the strictest standard is still shown.
    assert privileged["pod-security.kubernetes.io/warn"] == "restricted"
    assert privileged["istio-injection"] == "enabled"


def test_a_store_for_every_namespace_is_refused(tmp_path: Path) -> None:
    def program() -> None:
        ParameterStore("x", ParameterStoreArgs(store="all", region="ap-northeast-2", namespaces=[]))

    with pytest.raises(ValueError, match="would be for all of them"):
        registered(program, tmp_path)


def test_a_fetched_secret_keeps_what_it_had_when_its_source_is_away() -> None:
    args = FetchedSecretArgs(store="s", secret="x", namespace="shop", keys={"b": "/p/b", "a": "/p/a"})
    spec = external_secret(args)
    assert spec["target"] == {"name": "x", "creationPolicy": "Owner", "deletionPolicy": "Retain"}
    assert [(one["secretKey"], one["remoteRef"]["key"]) for one in spec["data"]] == [("a", "/p/a"), ("b", "/p/b")]
    assert external_secret(replace(args, plain={"user": "admin"}))["target"]["template"]["mergePolicy"] == "Merge"


class TestKubernetesObject:
    """objects.py, and what ADR 12 says of it."""

    def test_it_registers_what_the_sdks_own_class_does(self, tmp_path: Path) -> None:
        from pulumi_kubernetes.core.v1 import Service

        meta: Any = {"name": "api", "namespace": "shop"}
        spec: Any = {"selector": {"app": "api"}, "ports": [{"port": 80}]}

        def ours() -> None:
            KubernetesObject("x", "v1/Service", metadata=meta, body={"spec": spec}, opts=on_a_cluster())

        def theirs() -> None:
            Service("x", metadata=meta, spec=spec, opts=on_a_cluster())

        def rendered() -> None:
            KubernetesObject("x", "v1/Service", metadata=meta, body={"spec": spec}, opts=pulumi.ResourceOptions())

        one, other = (registered(program, tmp_path / program.__name__).one("Service") for program in (ours, theirs))
        assert (one.urn, one.type, one.inputs, one.id) == (other.urn, other.type, other.inputs, other.id)
        (file,) = registered(rendered, tmp_path)
        assert (file.urn, file.type, file.inputs, file.id) == (one.urn, one.type, one.inputs, "")

    def test_without_a_cluster_no_provider_is_asked_and_with_one_it_is_that(self, tmp_path: Path) -> None:
        class Room(pulumi.ComponentResource):
            def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
                super().__init__("platform:test:Room", name, None, opts)
                below = pulumi.ResourceOptions(parent=self)
                KubernetesObject(f"{name}-x", "v1/ConfigMap", metadata={"name": name}, body={}, opts=below)

        def program() -> None:
            Room("file", pulumi.ResourceOptions())
            Room("object", on_a_cluster())

        made = {one.name: one for one in registered(program, tmp_path).of("ConfigMap")}
        assert (made["file-x"].rendered, made["file-x"].provider) == (True, "")
        assert (made["object-x"].rendered, made["object-x"].provider.split("::")[-2]) == (False, "cluster")
        assert [path.name for path in tmp_path.rglob("*.yaml")] == ["v1-configmap-default-object.yaml"]

    def test_a_secret_is_not_rendered(self, tmp_path: Path) -> None:
        def program() -> None:
            KubernetesObject("x", "v1/Secret", metadata={"name": "x"}, body={}, opts=pulumi.ResourceOptions())

        with pytest.raises(ValueError, match="plain text in Git; use an ExternalSecret"):
            registered(program, tmp_path)

    @pytest.mark.parametrize(
        ("version_kind", "token"),
        [
            ("v1/Service", "kubernetes:core/v1:Service"),
            ("apps/v1/Deployment", "kubernetes:apps/v1:Deployment"),
            ("networking.k8s.io/v1/NetworkPolicy", "kubernetes:networking.k8s.io/v1:NetworkPolicy"),
            ("external-secrets.io/v1/ExternalSecret", "kubernetes:external-secrets.io/v1:ExternalSecret"),
        ],
    )
    def test_its_token_is_the_providers(self, tmp_path: Path, version_kind: str, token: str) -> None:
        def program() -> None:
            KubernetesObject("x", version_kind, metadata=metadata("x", "y"), body={}, opts=pulumi.ResourceOptions())

        (one,) = registered(program, tmp_path)
        assert one.type == token

    @pytest.mark.parametrize("name", ["", "Upper", "-x", "x-", "a_b"])
    def test_a_name_that_is_none_is_refused(self, tmp_path: Path, name: str) -> None:
        def program() -> None:
            KubernetesObject("x", "v1/ConfigMap", metadata={"name": name}, body={}, opts=pulumi.ResourceOptions())

        with pytest.raises(ValueError, match="a Kubernetes name is needed"):
            registered(program, tmp_path)


SCALED = WorkloadArgs(
    identity=IDENTITY,
    pod=POD,
    port=PORT,
    scaling=Scaling(minimum=2, maximum=5, cpu_percent=70),
    spread=True,
    role_arn="arn:aws:iam::123456789012:role/api",
)


def test_what_an_autoscaler_counts_is_not_written_down(tmp_path: Path) -> None:
    recording = registered(lambda: Workload("shop", SCALED, on_a_cluster()), tmp_path)
    assert "HorizontalPodAutoscaler" in kinds(recording)
    assert "PodDisruptionBudget" in kinds(recording)
    assert "replicas" not in deployment_body(SCALED)["spec"]
    spec = autoscaler_body(IDENTITY, Scaling(minimum=2, maximum=5, cpu_percent=70))["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"], spec["scaleTargetRef"]["name"]) == (2, 5, IDENTITY.name)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 70


def test_the_account_of_a_workload_with_a_role_names_it(tmp_path: Path) -> None:
    recording = registered(lambda: Workload("shop", SCALED, on_a_cluster()), tmp_path)
    (account,) = [one for one in recording if one.type.endswith(":ServiceAccount")]
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == SCALED.role_arn


def test_replicas_that_are_spread_keep_to_nodes_of_their_own() -> None:
    node, zone = deployment_body(SCALED)["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert (node["topologyKey"], node["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "DoNotSchedule")
    assert (zone["topologyKey"], zone["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "ScheduleAnyway")
    assert node["labelSelector"]["matchLabels"] == IDENTITY.selector
    assert (node["matchLabelKeys"], node["nodeTaintsPolicy"]) == (["pod-template-hash"], "Honor")


@pytest.mark.parametrize(("minimum", "maximum"), [(0, 2), (3, 2)])
def test_an_autoscaler_has_a_range(minimum: int, maximum: int) -> None:
    with pytest.raises(ValueError, match="is no range"):
        autoscaler_body(IDENTITY, Scaling(minimum=minimum, maximum=maximum, cpu_percent=70))
