"""The cluster of prod, standing: every object that pods come from, on the documented nodes; and what can be asked of it."""

from __future__ import annotations

import copy
import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.systems.eco2.document import NODES
from tests.cluster.api_server import ApiServer
from tests.mesh.manifests import Manifest
from tests.mesh.processes import wait_until
from tests.trial import volumes, world
from tests.trial.control_plane import Cluster, cluster

BESIDE = ("ServiceAccount", world.BUDGET, world.AUTOSCALER, "ResourceQuota")
PATIENCE = 600.0
"""Seconds until everything has settled on a machine that is busy with other things: a bound, not an expectation."""

STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "gp3-encrypted"},
    "provisioner": "ebs.csi.aws.com",
    "volumeBindingMode": "WaitForFirstConsumer",
}
TENANT_TYPE = "t3.xlarge"
TENANTS = {"tenant-1": "a", "tenant-2": "c", "tenant-3": "d"}
"""The tenants' workers, each with its zone."""


@dataclass(frozen=True)
class Standing:
    """A cluster that runs what it was given."""

    cluster: Cluster
    workloads: Sequence[Manifest]

    @property
    def server(self) -> ApiServer:
        return self.cluster.server

    def listed(self, path: str) -> list[Manifest]:
        found: list[Manifest] = self.server.request("GET", path).body["items"]
        return found

    def get(self, path: str) -> Manifest:
        return self._done("GET", path)

    def patch(self, path: str, change: Manifest) -> None:
        self._done("PATCH", path, change)

    def delete(self, path: str) -> None:
        self._done("DELETE", path)

    def _done(self, method: str, path: str, body: Manifest | None = None) -> Manifest:
        verdict = self.server.request(method, path, body)
        assert verdict.status < 300, f"{method} {path}: {verdict.message}"
        return verdict.body

    def pods(self) -> list[Manifest]:
        """Those that are to run; a Job's are over."""
        return [one for one in self.listed("/api/v1/pods") if one["status"].get("phase") not in ("Succeeded", "Failed")]

    def on_nodes(self) -> dict[str, list[Manifest]]:
        found = defaultdict(list)
        for one in self.pods():
            found[one["spec"].get("nodeName", "")].append(one)
        return found

    def pods_on(self, *nodes: str) -> list[Manifest]:
        """Those that a drain takes: no DaemonSet's."""
        return [one for one in self.pods() if one["spec"].get("nodeName") in nodes and owner_of(one) != "DaemonSet"]

    def where(self) -> dict[str, str]:
        """The node of each running pod, by the pod's uid."""
        return {one["metadata"]["uid"]: one["spec"].get("nodeName", "") for one in self.pods()}

    def claims(self) -> dict[str, tuple[str, str]]:
        """Each claim's own id and its volume."""
        return {
            reference(one): (one["metadata"]["uid"], one["spec"].get("volumeName", ""))
            for one in self.listed("/api/v1/persistentvolumeclaims")
        }

    def serving(self) -> Counter[str]:
        """How many pods of each workload are ready."""
        return Counter(self.workload_of(one) for one in self.pods() if is_ready(one))

    def workload_of(self, pod: Manifest) -> str:
        """The workload that a pod is called after: the one with the longest of the names that fit."""
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        fits = [
            one["metadata"]["name"]
            for one in self.workloads
            if one["metadata"]["namespace"] == namespace and name.startswith(f"{one['metadata']['name']}-")
        ]
        return f"{namespace}/{max(fits, key=len, default=name)}"

    def is_decided(self) -> bool:
        """Whether every owner has made its pods, and the scheduler has said where each goes, or why it cannot."""
        made = all(
            one.get("status", {}).get("replicas") == one["spec"].get("replicas", 1)
            for kind in ("deployments", "statefulsets")
            for one in self.listed(f"/apis/apps/v1/{kind}")
        )
        return made and all(
            any(condition["type"] == "PodScheduled" for condition in one["status"].get("conditions", ()))
            or one["spec"].get("nodeName")
            for one in self.pods()
        )

    def why_pending(self) -> list[str]:
        """In the scheduler's words."""
        return [
            f"{name_of(one)}: {condition['message']}"
            for one in self.pods()
            for condition in one["status"].get("conditions", ())
            if condition["type"] == "PodScheduled" and condition["status"] == "False"
        ]

    def unsettled(self) -> list[str]:
        """What is not as its owner wants it: too few pods, old ones, or none that are ready."""
        kinds = [*KINDS, ROLLOUTS] if any(one["kind"] == world.ROLLOUT for one in self.workloads) else KINDS
        found = [
            f"{kind} {reference(one)}: {told}"
            for kind, path, read in kinds
            for one in self.listed(path)
            if (told := read(one))
        ]
        return [*found, *self._unscaled()]

    def _unscaled(self) -> Iterator[str]:
        """The autoscalers that have not looked at their workload yet."""
        there = {(one["kind"], reference(one)) for one in self.workloads}
        for one in self.listed("/apis/autoscaling/v2/horizontalpodautoscalers"):
            target, fewest = one["spec"]["scaleTargetRef"], one["spec"]["minReplicas"]
            is_theirs = (target["kind"], f"{one['metadata']['namespace']}/{target['name']}") in there
            if is_theirs and one.get("status", {}).get("desiredReplicas", 0) < fewest:
                yield f"{world.AUTOSCALER} {reference(one)}: {fewest} pods at least, and nothing said yet"

    def settle(self, allowed: Callable[[str], bool] = lambda _: False) -> None:
        """Until everything is as it is wanted, but for what is allowed; else a TimeoutError that says what is not."""
        left: list[str] = []
        looks = itertools.count(1)

        def settled() -> bool:
            volumes.provision(self.server)
            left[:] = [one for one in self.unsettled() if not allowed(one)]
            if left:
                if next(looks) % 15 == 0:
                    self._touch_stateful_sets(left)
                time.sleep(0.2)
            return not left

        try:
            wait_until(settled, "the cluster to settle", patience=PATIENCE)
        except TimeoutError as error:
            raise TimeoutError("\n".join([str(error), *left, *self.why_pending()])) from None

    def _touch_stateful_sets(self, unsettled: Sequence[str]) -> None:
        """Have their controller look again, as the news of a cluster's kubelets do: 1.36.3 may put off a set's last step until the
        next event ("read version is not as new as written version")."""
        for one in self.listed("/apis/apps/v1/statefulsets"):
            if any(said.startswith(f"StatefulSet {reference(one)}:") for said in unsettled):
                path = f"/apis/apps/v1/namespaces/{one['metadata']['namespace']}/statefulsets/{one['metadata']['name']}"
                seen = str(int(one["metadata"].get("annotations", {}).get("trial/seen", "0")) + 1)
                self.server.request("PATCH", path, {"metadata": {"annotations": {"trial/seen": seen}}})


def _deployment(one: Manifest) -> str:
    status, wanted = one.get("status", {}), one["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= one["metadata"]["generation"]
    numbers = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return "" if seen and numbers == [wanted] * 3 else f"{wanted} wanted, {numbers} there, of this version, available"


def _stateful(one: Manifest) -> str:
    status, wanted = one.get("status", {}), one["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= one["metadata"]["generation"]
    numbers = [status.get(key, 0) for key in ("replicas", "readyReplicas")]
    newest = status.get("currentRevision") == status.get("updateRevision") or not wanted
    return "" if seen and newest and numbers == [wanted] * 2 else f"{wanted} wanted, {numbers} there, ready"


def _daemon(one: Manifest) -> str:
    status = one.get("status", {})
    seen = status.get("observedGeneration", 0) >= one["metadata"]["generation"]
    wanted = status.get("desiredNumberScheduled", 0)
    numbers = [status.get(key, 0) for key in ("updatedNumberScheduled", "numberReady")]
    return "" if seen and numbers == [wanted] * 2 else f"{wanted} wanted, {numbers} of this version, ready"


def _job(one: Manifest) -> str:
    return "" if one.get("status", {}).get("succeeded") else "not done"


def _rollout(one: Manifest) -> str:
    status, wanted = one.get("status", {}), one["spec"].get("replicas", 1)
    # Argo Rollouts keeps the number as a text.
    seen = status.get("observedGeneration") == str(one["metadata"]["generation"])
    numbers = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    if seen and status.get("phase") == "Healthy" and numbers == [wanted] * 3:
        return ""
    step, said = status.get("currentStepIndex"), f"{status.get('phase')} {status.get('message', '')}".strip()
    return f"{wanted} wanted, {numbers} there, of this version, available; at step {step}: {said}"


KINDS: Sequence[tuple[str, str, Callable[[Manifest], str]]] = (
    ("Deployment", "/apis/apps/v1/deployments", _deployment),
    ("StatefulSet", "/apis/apps/v1/statefulsets", _stateful),
    ("DaemonSet", "/apis/apps/v1/daemonsets", _daemon),
    ("Job", "/apis/batch/v1/jobs", _job),
)
ROLLOUTS = (world.ROLLOUT, "/apis/argoproj.io/v1alpha1/rollouts", _rollout)


@contextmanager
def standing(
    folder: Path,
    objects: Sequence[Manifest],
    nodes: Sequence[Manifest],
    workloads: Sequence[Manifest],
    flags: Mapping[str, Sequence[str]] | None = None,
    *,
    kinds: Sequence[Manifest] = (),
    before: Sequence[Manifest] = (),
) -> Iterator[Standing]:
    """A cluster of these nodes that was given all of it; nothing has been waited for. `flags` are more of a program's own.

    `kinds` are objects whose operators' definitions are wanted, `before` what is created before all others.
    """
    with cluster(folder, kinds, flags or {}) as running:
        server = running.server
        of_charts = {one["metadata"]["namespace"] for one in workloads}
        for one in [STORAGE_CLASS, *nodes, *_namespaces(objects, of_charts)]:
            _create(server, one)
        # A pod that is looked at before is told of a taint that goes in a moment.
        wait_for_nodes(server, len(nodes))
        # A quota lets no Service in until its controller has counted.
        for one in [*before, *(one for one in objects if one["kind"] in BESIDE), *workloads]:
            _create(server, one)
        yield Standing(running, workloads)


def eventually(ready: Callable[[], bool], what: str) -> None:
    """Until it is so; asked a few times a second, for each time costs the server a list of everything."""

    def asked() -> bool:
        time.sleep(0.2)
        return ready()

    wait_until(asked, what, patience=PATIENCE)


def wait_for_nodes(server: ApiServer, number: int) -> None:
    """Until as many are ready, and let pods in that tolerate nothing but the documented taints."""
    wait_until(lambda: _are_ready(server, number), "the nodes to be ready", patience=PATIENCE)


def _are_ready(server: ApiServer, number: int) -> bool:
    time.sleep(0.2)
    found = server.request("GET", "/api/v1/nodes").body["items"]
    new = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
    conditions = [{each["type"]: each["status"] for each in one["status"].get("conditions", ())} for one in found]
    taints = {each["key"] for one in found for each in one["spec"].get("taints", ())}
    return sum(one.get("Ready") == "True" for one in conditions) == number and not taints & new


def nodes() -> list[Manifest]:
    """The documented fourteen, and a tenants' worker in each zone, as prod has them."""
    tenants = (world.tenant_node(name, TENANT_TYPE, zone) for name, zone in TENANTS.items())
    return [*map(world.node, NODES), *tenants]


def _namespaces(objects: Sequence[Manifest], used: Iterable[str]) -> list[Manifest]:
    """Those of the stack and of its charts. Their Pod Security is judged elsewhere: a stand-in for a pod has no securityContext."""
    own = {one["metadata"]["name"]: copy.deepcopy(one) for one in objects if one["kind"] == "Namespace"}
    for one in own.values():
        labels = one["metadata"].get("labels", {})
        one["metadata"]["labels"] = {key: labels[key] for key in labels if "pod-security" not in key}
    others = {*used} - own.keys() - {"kube-system", "default"}
    return [
        *own.values(),
        *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one}} for one in sorted(others)),
    ]


def _create(server: ApiServer, one: Manifest) -> None:
    verdict = server.create(one)
    assert verdict.status in (201, 409), f"{one['kind']} {reference(one)}: {verdict.message}"


def reference(one: Manifest) -> str:
    return f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}"


def owner_of(pod: Manifest) -> str:
    """The kind of who made it; nothing, if nobody did."""
    return next((str(one["kind"]) for one in pod["metadata"].get("ownerReferences", ())), "")


def is_ready(pod: Manifest) -> bool:
    """Whether requests would be sent to it."""
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def name_of(pod: Manifest) -> str:
    """A pod by what it belongs to."""
    owners = pod["metadata"].get("ownerReferences", ())
    return f"{pod['metadata']['namespace']}/{next((one['name'] for one in owners), pod['metadata']['name'])}"
