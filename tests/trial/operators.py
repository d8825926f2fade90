"""Pods that nobody renders, because an operator, or kubeadm, makes them on the cluster: as they do, from what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.systems.eco2.document import CONTROL_PLANE_TAINT
from infra.systems.eco2.placement import EVERYWHERE, ON_MASTER
from infra.systems.eco2.versions import CALICO, PROMETHEUS
from tests.mesh.manifests import Manifest, chart_values

RELOADER = "prometheusConfigReloader"


def prometheus(objects: Sequence[Manifest]) -> list[Manifest]:
    """prometheus-operator's StatefulSets: the server, or Alertmanager, with a reloader beside it and one before it."""
    values = chart_values(objects, PROMETHEUS.chart)
    reloader = values["prometheusOperator"][RELOADER]["resources"]
    found = []
    for name, spec, storage in (
        ("prometheus", values["prometheus"]["prometheusSpec"], "storageSpec"),
        ("alertmanager", values["alertmanager"]["alertmanagerSpec"], "storage"),
    ):
        labels = {"app.kubernetes.io/name": name}
        pod: dict[str, Any] = {key: spec[key] for key in ("nodeSelector", "tolerations", "affinity") if key in spec}
        if spec.get("podAntiAffinity") == "hard":
            term = {"labelSelector": {"matchLabels": labels}, "topologyKey": spec["podAntiAffinityTopologyKey"]}
            apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
            pod["affinity"] = {**pod.get("affinity", {}), **apart}
        pod["initContainers"] = [container("init-config-reloader", reloader)]
        pod["containers"] = [container(name, spec["resources"]), container("config-reloader", reloader)]
        claim = {"metadata": {"name": "db"}, "spec": spec[storage]["volumeClaimTemplate"]["spec"]}
        found.append(_stateful(f"{name}-eco2", PROMETHEUS.namespace, labels, spec["replicas"], pod, claims=[claim]))
    return found


def kafka(objects: Sequence[Manifest]) -> list[Manifest]:
    """Strimzi's pods of each pool, as a StatefulSet, which a scheduler cannot tell from its own sets; and the entity operator's."""
    found = []
    for pool in (one for one in objects if one["kind"] == "KafkaNodePool"):
        spec, name = pool["spec"], pool["metadata"]["name"]
        cluster = pool["metadata"]["labels"]["strimzi.io/cluster"]
        labels = {**_kafkas(cluster), "strimzi.io/pool-name": name, **_labels(spec["template"])}
        pod = {**_pod(spec["template"]["pod"]), "containers": [container("kafka", spec["resources"])]}
        claims = [
            {
                "metadata": {"name": f"data-{one['id']}"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": one["class"],
                    "resources": {"requests": {"storage": one["size"]}},
                },
            }
            for one in spec["storage"]["volumes"]
        ]
        found.append(
            _stateful(f"{cluster}-{name}", pool["metadata"]["namespace"], labels, spec["replicas"], pod, claims=claims)
        )
    for one in (one for one in objects if one["kind"] == "Kafka"):
        operator, name = one["spec"]["entityOperator"], f"{one['metadata']['name']}-entity-operator"
        pod = {
            **_pod(operator["template"]["pod"]),
            "containers": [
                container(part, operator[key]["resources"])
                for part, key in (("topic-operator", "topicOperator"), ("user-operator", "userOperator"))
            ],
        }
        labels = {"strimzi.io/name": name, **_labels(operator["template"])}
        found.append(_deployment(name, one["metadata"]["namespace"], labels, 1, pod))
        found += _exporter(one)
    return found


def _kafkas(cluster: str) -> dict[str, str]:
    """What all pods of a cluster have, brokers and controllers."""
    return {"strimzi.io/cluster": cluster, "strimzi.io/kind": "Kafka", "strimzi.io/name": f"{cluster}-kafka"}


def budgets(objects: Sequence[Manifest]) -> list[Manifest]:
    """Strimzi's, one for all pods of a Kafka (PodDisruptionBudgetUtils of strimzi-kafka-operator), and Typha's (pkg/render/typha.go
    of tigera/operator): both read on 2026-11-29."""
    found = [_budget("calico-typha", CALICO_HOME, {"k8s-app": "calico-typha"}, maxUnavailable=1)]
    for one in (one for one in objects if one["kind"] == "Kafka"):
        cluster, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
        pools = [
            pool["spec"]["replicas"]
            for pool in objects
            if pool["kind"] == "KafkaNodePool" and pool["metadata"]["labels"]["strimzi.io/cluster"] == cluster
        ]
        told = one["spec"]["kafka"].get("template", {}).get("podDisruptionBudget", {})
        fewest = sum(pools) - told.get("maxUnavailable", 1)
        found.append(_budget(f"{cluster}-kafka", namespace, _kafkas(cluster), minAvailable=fewest))
    return found


def _budget(name: str, namespace: str, labels: dict[str, str], **bound: int) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, **bound},
    }


def _exporter(kafka: Manifest) -> list[Manifest]:
    """What counts how far each group has read, where it is wanted."""
    if (told := kafka["spec"].get("kafkaExporter")) is None:
        return []
    name = f"{kafka['metadata']['name']}-kafka-exporter"
    template = told.get("template", {"pod": {}})
    pod = {**_pod(template["pod"]), "containers": [container("kafka-exporter", told.get("resources"))]}
    labels = {"strimzi.io/name": name, **_labels(template)}
    return [_deployment(name, kafka["metadata"]["namespace"], labels, 1, pod)]


def _labels(template: Manifest) -> dict[str, str]:
    found: dict[str, str] = template["pod"].get("metadata", {}).get("labels", {})
    return found


def _pod(template: Manifest) -> dict[str, Any]:
    return {
        key: template[key] for key in ("affinity", "topologySpreadConstraints", "securityContext") if key in template
    }


CALICO_HOME = "calico-system"
TYPHAS_UPDATE = {"maxUnavailable": 1, "maxSurge": "100%"}
"""As many new ones at once as there is room for; in a full cluster an old one goes first (pkg/render/typha.go)."""

TYPHAS = 3
"""Of a cluster with five to 399 nodes (tigera/operator, pkg/common/autoscale.go, read on 2026-11-29)."""


def calico(objects: Sequence[Manifest]) -> list[Manifest]:
    """The Tigera operator's: an agent on each node, Typha, and the controllers; with the resources and tolerations that it is told.

    Without any of their own, Typha and the controllers have the control plane's (pkg/render/{typha,kubecontrollers}.go of
    tigera/operator, read on 2026-11-29).
    """
    told = chart_values(objects, CALICO.chart)["installation"]
    node, typha, controllers = (
        told.get(key, {}).get("spec", {}).get("template", {}).get("spec", {})
        for key in ("calicoNodeDaemonSet", "typhaDeployment", "calicoKubeControllersDeployment")
    )
    shared: dict[str, Any] = {"tolerations": told["controlPlaneTolerations"]}

    def pod(name: str, given: Manifest, **more: Any) -> Manifest:
        resources = {one["name"]: one["resources"] for one in given.get("containers", ())}
        chosen: dict[str, Any] = {key: given[key] for key in ("tolerations", "affinity") if key in given}
        return {**more, **chosen, "containers": [container(name, resources.get(name))]}

    port = [{"containerPort": 5473, "hostPort": 5473}]
    typhas = pod("calico-typha", typha, hostNetwork=True, priorityClassName=CRITICAL, **shared)
    typhas["containers"][0]["ports"] = port
    made = [
        _daemon("calico-node", CALICO_HOME, pod("calico-node", node, hostNetwork=True, tolerations=EVERYWHERE)),
        _deployment("calico-typha", CALICO_HOME, {"k8s-app": "calico-typha"}, TYPHAS, typhas, update=TYPHAS_UPDATE),
        _deployment(
            "calico-kube-controllers",
            CALICO_HOME,
            {"k8s-app": "calico-kube-controllers"},
            1,
            pod("calico-kube-controllers", controllers, nodeSelector=told["controlPlaneNodeSelector"], **shared),
        ),
    ]
    if told.get("kubeletVolumePluginPath") != "None":
        made.append(
            _daemon(
                "csi-node-driver",
                CALICO_HOME,
                {
                    "tolerations": EVERYWHERE,
                    "containers": [container("calico-csi"), container("csi-node-driver-registrar")],
                },
            )
        )
    return made


CRITICAL = "system-cluster-critical"
ON_NODE = "system-node-critical"


def kubeadm() -> list[Manifest]:
    """The control plane's own pods, with what kubeadm asks for them, its proxies and its DNS (kubernetes 1.36, cmd/kubeadm/app)."""
    static = {
        "etcd": {"cpu": "100m", "memory": "100Mi"},
        "kube-apiserver": {"cpu": "250m"},
        "kube-controller-manager": {"cpu": "200m"},
        "kube-scheduler": {"cpu": "100m"},
    }
    on_master = {**ON_MASTER, "hostNetwork": True, "priorityClassName": ON_NODE}
    pods = [
        _deployment(
            name, SYSTEM, {"component": name}, 1, {**on_master, "containers": [container(name, {"requests": one})]}
        )
        for name, one in static.items()
    ]
    proxy = {
        "hostNetwork": True,
        "priorityClassName": ON_NODE,
        "tolerations": EVERYWHERE,
        "containers": [container("kube-proxy")],
    }
    dns = {
        "priorityClassName": CRITICAL,
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": CONTROL_PLANE_TAINT, "effect": "NoSchedule"},
        ],
        "containers": [
            container("coredns", {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}})
        ],
    }
    return [
        *pods,
        _daemon("kube-proxy", SYSTEM, proxy),
        _deployment("coredns", SYSTEM, {"k8s-app": "kube-dns"}, 2, dns, update={"maxUnavailable": 1}),
    ]


SYSTEM = "kube-system"


def _daemon(name: str, namespace: str, pod: Manifest) -> Manifest:
    return _workload("DaemonSet", name, namespace, {"k8s-app": name}, pod)


def container(name: str, resources: Manifest | None = None) -> Manifest:
    return {"name": name, "image": f"made-by-an-operator/{name}", **({"resources": resources} if resources else {})}


def _deployment(
    name: str, namespace: str, labels: dict[str, str], replicas: int, pod: Manifest, *, update: Manifest | None = None
) -> Manifest:
    more = {"strategy": {"type": "RollingUpdate", "rollingUpdate": update}} if update else {}
    return _workload("Deployment", name, namespace, labels, pod, replicas=replicas, **more)


def _stateful(
    name: str, namespace: str, labels: dict[str, str], replicas: int, pod: Manifest, *, claims: list[Manifest]
) -> Manifest:
    more = {"replicas": replicas, "serviceName": name, "volumeClaimTemplates": claims}
    return _workload("StatefulSet", name, namespace, labels, pod, **more)


def _workload(kind: str, name: str, namespace: str, labels: dict[str, str], pod: Manifest, **more: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            **more,
        },
    }
