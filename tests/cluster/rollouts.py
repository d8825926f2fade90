"""Argo Rollouts' controller on a real API server, with kube-controller-manager and Prometheus, before the rendered objects.

Pretended are the kubelet, which makes pods ready, and the proxies, whose counters a page on loopback tells. Steps that take
minutes on a cluster take seconds here (`quickened`); nothing else of what is rendered is changed.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3
import yaml

from infra.systems.eco2.observability import PROMETHEUS_URL
from tests.cluster.api_server import ApiServer, api_server
from tests.mesh.manifests import Manifest
from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program, wait_until
from tests.ports import free_port
from tests.tools import required_command, required_tool

PATIENCE = 120.0
KINDS = ("AnalysisRun", "AnalysisTemplate", "ClusterAnalysisTemplate", "Experiment", "Rollout")
ARGO, NETWORKING = "/apis/argoproj.io/v1alpha1", "/apis/networking.istio.io/v1"
HASH = "rollouts-pod-template-hash"
PER_SECOND = 20

WINDOW_SECONDS = 4


@dataclass
class Answers:
    """How the pods of a release answer: shares of 5xx and of slow answers; None in the place of it says nothing at all."""

    failed: float = 0.0
    slow: float = 0.0


@dataclass
class Proxies:
    """What the proxies count: by the workload and the image of a pod, told by `told`; all others answer well."""

    told: dict[tuple[str, str], Answers | None] = field(default_factory=dict)
    lines: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.monotonic)

    def count(self, pods: Sequence[Manifest]) -> None:
        """Since the last time, by each pod that is there."""
        now = time.monotonic()
        number, self.last = PER_SECOND * (now - self.last), now
        for pod in pods:
            name = pod["metadata"]["labels"]["app.kubernetes.io/name"]
            image = pod["spec"]["containers"][0]["image"]
            if answers := self.told.get((name, image), Answers()):
                self._add(pod, name, number, answers)

    def _add(self, pod: Manifest, name: str, number: float, answers: Answers) -> None:
        namespace = pod["metadata"]["namespace"]
        of = f'reporter="destination",namespace="{namespace}",pod="{pod["metadata"]["name"]}"'
        seen = (
            f'reporter="source",source_workload="ingress-gateway",destination_service_namespace="{namespace}",'
            f'destination_service_name="{name}"'
        )
        for who in (of, seen):
            for code, share in (("200", 1 - answers.failed), ("503", answers.failed)):
                self._more(f'istio_requests_total{{{who},response_code="{code}"}}', number * share)
            times = "istio_request_duration_milliseconds"
            for bound in ("500", "1000"):
                self._more(f'{times}_bucket{{{who},le="{bound}"}}', number * (1 - answers.slow))
            self._more(f"{times}_count{{{who}}}", number)

    def _more(self, series: str, number: float) -> None:
        self.lines[series] = self.lines.get(series, 0.0) + number

    def page(self) -> str:
        return "".join(f"{series} {value}\n" for series, value in dict(self.lines).items())


@dataclass
class World:
    """What runs; `weights` are those that each route of a VirtualService had, one after the other."""

    server: ApiServer
    proxies: Proxies
    folder: Path
    controller: Program
    prometheus: str
    weights: dict[tuple[str, str], list[tuple[int, ...]]] = field(default_factory=dict)
    wrong: list[Exception] = field(default_factory=list)
    """What stopped the looking on, which tests wait for in vain then."""

    def get(self, path: str) -> Manifest:
        verdict = self.server.request("GET", path)
        assert verdict.status == 200, f"{path}: {verdict.message}"
        return verdict.body

    def patch(self, path: str, change: Manifest) -> None:
        verdict = self.server.request("PATCH", path, change)
        assert verdict.status == 200, f"{path}: {verdict.message}"

    def rollout(self, namespace: str, name: str) -> Manifest:
        return self.get(f"{ARGO}/namespaces/{namespace}/rollouts/{name}")

    def phase(self, namespace: str, name: str) -> str:
        """Argo CD's health of it is made of this: Healthy, Progressing, Paused (Suspended there) or Degraded."""
        found = self.rollout(namespace, name)
        status = found.get("status", {})
        seen = str(found["metadata"]["generation"]) == str(status.get("observedGeneration"))
        return str(status.get("phase", "")) if seen else "Progressing"

    def wait_for(self, namespace: str, name: str, *phases: str) -> str:
        """Until the Rollout is in one of the phases; the error says where it is."""

        def said() -> str:
            status = self.rollout(namespace, name).get("status", {})
            told = {key: status.get(key) for key in ("phase", "message", "currentStepIndex", "conditions")}
            return f"{name} to be {' or '.join(phases)}; it is {told}; weights {self.weights}"

        def there() -> bool:
            time.sleep(0.2)
            if self.wrong:
                raise self.wrong[0]
            return self.phase(namespace, name) in phases

        try:
            wait_until(there, name, patience=PATIENCE)
        except TimeoutError:
            raise TimeoutError(f"{said()}\n{self.controller.text()[-6000:]}") from None
        return self.phase(namespace, name)

    def release(self, namespace: str, name: str, image: str, answers: Answers | None = None) -> None:
        """A new image in the template, as a commit brings it; its pods answer like this (not at all, if None)."""
        self.proxies.told[name, image] = answers
        before = self.rollout(namespace, name)
        if before["spec"]["template"]["spec"]["containers"][0]["image"] == image:
            return
        change = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]
        path = f"{ARGO}/namespaces/{namespace}/rollouts/{name}"
        verdict = self.server.request("PATCH", path, change, kind="application/json-patch+json")
        assert verdict.status == 200, verdict.message
        known = before["status"]["currentPodHash"]
        wait_until(
            lambda: self.rollout(namespace, name)["status"]["currentPodHash"] != known,
            f"the controller to have seen {image}",
            patience=PATIENCE,
        )

    def image(self, namespace: str, name: str) -> str:
        """Of the pods of the subset that has all requests but for the steps': the stable one."""
        rule = self.get(f"{NETWORKING}/namespaces/{namespace}/destinationrules/{name}")
        (stable,) = [one["labels"] for one in rule["spec"]["subsets"] if one["name"] == "stable"]
        labels = f"labelSelector=app.kubernetes.io/name={name},{HASH}={stable[HASH]}"
        pods = self.get(f"/api/v1/namespaces/{namespace}/pods?{labels}")["items"]
        return " ".join(sorted({pod["spec"]["containers"][0]["image"] for pod in pods}))

    def wait_for_image(self, namespace: str, name: str, image: str) -> None:
        """The subset follows a moment after the Rollout says that it is healthy."""
        wait_until(
            lambda: self.image(namespace, name) == image, f"{name} to be {image}, not {self.image(namespace, name)}"
        )

    def away(self, namespace: str, image: str) -> None:
        """One pod of this image is not ready any more, nor comes another in its place."""
        pods = self.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        pod = next(one for one in pods if one["spec"]["containers"][0]["image"] == image)
        path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}/status"
        conditions = [{"type": kind, "status": "False"} for kind in ("Ready", "ContainersReady")]
        self.patch(path, {"status": {"conditions": conditions}})

    def verdicts(self, namespace: str, name: str) -> dict[str, str]:
        """The phase of each measure of the newest AnalysisRun of a workload."""
        runs = self.get(f"{ARGO}/namespaces/{namespace}/analysisruns")["items"]
        own = [one for one in runs if one["metadata"]["name"].startswith(f"{name}-")]
        newest = max(own, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))
        return {one["name"]: one["phase"] for one in newest["status"].get("metricResults", ())}

    def look(self) -> None:
        """The kubelet's and the proxies' part, and what the routes' weights are."""
        pods = self.get("/api/v1/pods")["items"]
        for pod in pods:
            image = pod["spec"]["containers"][0]["image"]
            if not pod.get("status", {}).get("conditions") and "never-ready" not in image:
                self._ready(pod)
        self.proxies.count([pod for pod in pods if pod.get("status", {}).get("conditions")])
        for one in self.get(f"{NETWORKING}/virtualservices")["items"]:
            for route in one["spec"].get("http", ()):
                weights = tuple(to.get("weight", 100) for to in route.get("route", ()))
                known = self.weights.setdefault((one["metadata"]["name"], str(route.get("name"))), [])
                if known[-1:] != [weights]:
                    known.append(weights)

    def _ready(self, pod: Manifest) -> None:
        about = pod["metadata"]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [
            {"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")
        ]
        path = f"/api/v1/namespaces/{about['namespace']}/pods/{about['name']}/status"
        # It may have gone meanwhile.
        self.server.request("PATCH", path, {"status": {"phase": "Running", "conditions": conditions}})


def quickened(objects: Sequence[Manifest], prometheus: str) -> list[Manifest]:
    """The objects with seconds in the place of minutes, and Prometheus on loopback, for the fences too."""
    text = json.dumps(list(objects)).replace(PROMETHEUS_URL, prometheus)
    text = re.sub(r"\[\d+s\]", f"[{WINDOW_SECONDS}s]", text)
    found: list[Manifest] = json.loads(text)
    for one in found:
        if one["kind"] == "AnalysisTemplate":
            for metric in one["spec"]["metrics"]:
                metric |= {"initialDelay": f"{WINDOW_SECONDS + 1}s", "interval": "1s", "count": 2}
        if one["kind"] == "Rollout":
            one["spec"]["progressDeadlineSeconds"] = 45
            one["spec"]["strategy"]["canary"]["scaleDownDelaySeconds"] = 1
            # Nothing follows the number of pods here.
            one["spec"].setdefault("replicas", 2)
    return found


@contextmanager
def world(folder: Path, objects: Sequence[Manifest]) -> Iterator[World]:
    """All of it, until the end of the block; the objects in the order of their waves."""
    with ExitStack() as stack:
        proxies = Proxies()
        prometheus = _prometheus(folder, stack, _exporter(proxies, stack))
        rendered = quickened(objects, prometheus)
        kinds = [{"apiVersion": "argoproj.io/v1alpha1", "kind": kind} for kind in KINDS]
        server = stack.enter_context(api_server(folder, [*rendered, *kinds]))
        config = server.kubeconfig(folder)
        _controllers(folder, stack, config)
        controller = _rollouts(folder, stack, config)
        found = World(server, proxies, folder, controller, prometheus)
        for namespace in sorted({one["metadata"]["namespace"] for one in rendered if "namespace" in one["metadata"]}):
            server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        for one in sorted(rendered, key=_wave):
            verdict = server.create(one)
            assert verdict.status == 201, f"{one['kind']} {one['metadata']['name']}: {verdict.message}"
        stack.enter_context(_always(found.look, found.wrong))
        yield found


def _wave(one: Manifest) -> int:
    return int(one["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))


@contextmanager
def _always(act: Callable[[], None], wrong: list[Exception]) -> Iterator[None]:
    """Again and again beside the tests, until the end of the block or until something is wrong."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.2):
            try:
                act()
            except Exception as error:
                wrong.append(error)
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _exporter(proxies: Proxies, stack: ExitStack) -> str:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = proxies.page().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return f"127.0.0.1:{server.server_port}"


def _prometheus(folder: Path, stack: ExitStack, target: str) -> str:
    port = free_port()
    scrape = {"job_name": "proxies", "honor_labels": True, "static_configs": [{"targets": [target]}]}
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]})
    )
    program = Program(
        [
            required_command("prometheus"), f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/series", f"--web.listen-address=127.0.0.1:{port}",
        ],
        folder / "prometheus.log",
    )  # fmt: skip
    stack.callback(program.stop)
    url = f"http://127.0.0.1:{port}"
    program.wait(lambda: _answers(f"{url}/-/ready"))
    return url


def _controllers(folder: Path, stack: ExitStack, config: Path) -> None:
    program = Program(
        [
            required_tool("kube-controller-manager"), f"--kubeconfig={config}", "--leader-elect=false",
            "--controllers=replicaset-controller", "--use-service-account-credentials=false",
            f"--secure-port={free_port()}", "--bind-address=127.0.0.1", f"--cert-dir={folder / 'manager'}",
        ],
        folder / "kube-controller-manager.log", environment=KEEPS_ITS_GARBAGE,
    )  # fmt: skip
    stack.callback(program.stop)


def _rollouts(folder: Path, stack: ExitStack, config: Path) -> Program:
    health = free_port()
    program = Program(
        [
            required_tool("rollouts-controller"), f"--kubeconfig={config}", "--leader-elect=false",
            f"--healthzPort={health}", f"--metricsPort={free_port()}",
        ],
        folder / "rollouts-controller.log", environment=KEEPS_ITS_GARBAGE,
    )  # fmt: skip
    stack.callback(program.stop)
    program.wait(lambda: _answers(f"http://127.0.0.1:{health}/healthz"))
    return program


def _answers(url: str) -> bool:
    try:
        return urllib3.PoolManager(retries=False, timeout=2).request("GET", url).status == 200
    except urllib3.exceptions.HTTPError:
        return False
