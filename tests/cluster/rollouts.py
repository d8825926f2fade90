"""Argo Rollouts' controller on a real API server, with kube-controller-manager and Prometheus, before the rendered objects.

It calls the server as its own account, which has the rights that are rendered for it and no others. Pretended are the kubelet,
which makes pods ready, and the proxies, whose counters a page on loopback tells. Steps that take minutes on a cluster take
seconds here (`quickened`); nothing else of what is rendered is changed.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3
import yaml

from infra.systems.eco2.observability import PROMETHEUS_URL
from tests.cluster.api_server import ApiServer, api_server
from tests.cluster.controllers import always, controller_manager, rollouts_controller
from tests.mesh.manifests import Manifest
from tests.mesh.processes import Program, wait_until
from tests.mesh.servers import get
from tests.ports import free_port
from tests.tools import required_command

PATIENCE = 900.0
"""Seconds until what must come has come, on a machine that is busy with other things: a bound, not an expectation."""

KINDS: Sequence[Manifest] = [
    {"apiVersion": "argoproj.io/v1alpha1", "kind": kind}
    for kind in ("AnalysisRun", "AnalysisTemplate", "ClusterAnalysisTemplate", "Experiment", "Rollout")
]
"""Without the definitions of all of these the controller does not begin."""

ARGO, NETWORKING = "/apis/argoproj.io/v1alpha1", "/apis/networking.istio.io/v1"
BACK = (100, 0)
HASH = "rollouts-pod-template-hash"
CONTROLLER = ("argo-rollouts", "argo-rollouts")
"""The controller's account, by its namespace and name, which its chart makes."""

READY, UNREADY = (
    [{"type": kind, "status": status} for kind in ("Ready", "ContainersReady")] for status in ("True", "False")
)
PER_SECOND = 20

WINDOW_SECONDS = 10
"""Enough for a busy Prometheus, which asks every second, to have several answers in it; else it knows nothing of a release."""


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
    prometheus: Prometheus
    weights: dict[tuple[str, str], list[tuple[int, ...]]] = field(default_factory=dict)
    wrong: list[Exception] = field(default_factory=list)
    """What stopped the looking on, which tests wait for in vain then."""

    begun: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many weights a route had had before its service was settled."""

    numbers: Iterator[int] = field(default_factory=itertools.count)

    def image_of(self, name: str, what: str) -> str:
        """A release that was never there before, whatever other tests did."""
        return f"{name}:{what}-{next(self.numbers)}"

    def settle(self, *services: tuple[str, str]) -> None:
        """Each healthy, with the release that has its requests and with its pods alone; what its routes had before is forgotten.

        A pod of a release that was taken back is counted for as long as it is there.
        """
        for namespace, name in services:
            self.wait_for(namespace, name, "Healthy", "Paused", "Degraded")
            for pod in self.pods(namespace, name):
                if {one["status"] for one in pod.get("status", {}).get("conditions", ())} == {"False"}:
                    self._is(pod, READY)
            self.release(namespace, name, self.image(namespace, name), Answers())
        for namespace, name in services:
            self.wait_for(namespace, name, "Healthy")
            self.seen(name)
            self.wait_for_pods(namespace, name, self.image(namespace, name))
            for key, found in [*self.weights.items()]:
                if key[1].startswith(name):
                    self.begun[key] = len(found) - 1

    def seen(self, service: str, last: tuple[int, ...] | None = None) -> list[list[tuple[int, ...]]]:
        """The weights of each of a service's routes since it was settled, once the last are these, or a new release has none."""
        keys = [key for key, found in [*self.weights.items()] if key[1].startswith(service) and len(found[-1]) > 1]
        assert keys, f"no route of {service}"

        def there(weights: tuple[int, ...]) -> bool:
            return weights[1] == 0 if last is None else weights == last

        wait_until(
            lambda: all(there(self.weights[key][-1]) for key in keys),
            f"{service} to have {last or 'no release under way'}: {[self.weights[key] for key in keys]}",
            patience=PATIENCE,
        )
        return [self.since(*key) for key in keys]

    def since(self, service: str, route: str) -> list[tuple[int, ...]]:
        """The weights of a VirtualService's route since its workload was settled, with those that it had then."""
        return self.weights[service, route][self.begun.get((service, route), 0) :]

    @contextmanager
    def without(self, path: str) -> Iterator[None]:
        """An object is not there until the end of the block."""
        found = self.get(path)
        assert self.server.request("DELETE", path).status == 200
        try:
            yield
        finally:
            about = {key: found["metadata"][key] for key in ("name", "namespace") if key in found["metadata"]}
            verdict = self.server.create(
                {**{key: found[key] for key in ("apiVersion", "kind", "spec")}, "metadata": about}
            )
            assert verdict.status == 201, verdict.message

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

    def condition(self, namespace: str, name: str, kind: str) -> str:
        found = {one["type"]: one["status"] for one in self.rollout(namespace, name)["status"].get("conditions", ())}
        return str(found.get(kind, ""))

    def wait_for(self, namespace: str, name: str, *phases: str) -> str:
        """Until the Rollout is in one of the phases; the error says where it is."""

        def said() -> str:
            status = self.rollout(namespace, name).get("status", {})
            told = {key: status.get(key) for key in ("phase", "message", "currentStepIndex", "conditions")}
            return f"{name} to be {' or '.join(phases)}; it is {told}; weights {self.weights}"

        def there() -> bool:
            time.sleep(0.2)
            if self.wrong:
                raise RuntimeError(f"nobody looks on any more: {self.wrong[0]!r}")
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

    def wait_for_pods(self, namespace: str, name: str, image: str) -> None:
        """Until no pod of the service has another image."""

        def others() -> set[str]:
            return {one["spec"]["containers"][0]["image"] for one in self.pods(namespace, name)} - {image}

        wait_until(lambda: not others(), f"{name} to have {image} alone, not {others()}", patience=PATIENCE)

    def away(self, namespace: str, image: str) -> None:
        """One pod of this image is not ready any more, nor comes another in its place."""
        pods = self.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        pod = next(one for one in pods if one["spec"]["containers"][0]["image"] == image)
        self._is(pod, UNREADY)

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
                self._is(pod, READY)
        self.proxies.count([pod for pod in pods if pod.get("status", {}).get("conditions")])
        for one in self.get(f"{NETWORKING}/virtualservices")["items"]:
            for route in one["spec"].get("http", ()):
                weights = tuple(to.get("weight", 100) for to in route.get("route", ()))
                known = self.weights.setdefault((one["metadata"]["name"], str(route.get("name"))), [])
                if known[-1:] != [weights]:
                    known.append(weights)

    def pods(self, namespace: str, name: str) -> list[Manifest]:
        found: list[Manifest] = self.get(
            f"/api/v1/namespaces/{namespace}/pods?labelSelector=app.kubernetes.io/name={name}"
        )["items"]
        return found

    def _is(self, pod: Manifest, conditions: Sequence[Manifest]) -> None:
        about = pod["metadata"]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        status = {"phase": "Running", "conditions": [{**one, "lastTransitionTime": now} for one in conditions]}
        path = f"/api/v1/namespaces/{about['namespace']}/pods/{about['name']}/status"
        # It may have gone meanwhile.
        self.server.request("PATCH", path, {"status": status})


@dataclass
class Prometheus:
    """A server on loopback that asks one target; it may be away for a while, and keeps what it knows."""

    folder: Path
    target: str
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        scrape = {"job_name": "proxies", "honor_labels": True, "static_configs": [{"targets": [self.target]}]}
        (self.folder / "prometheus.yml").write_text(
            yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]})
        )
        self._program = Program(
            [
                required_command("prometheus"), f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/series", f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            self.folder / "prometheus.log",
        )  # fmt: skip
        self._program.wait(lambda: get(f"{self.url}/-/ready") is not None)

    def stop(self) -> None:
        self._program.stop()

    @contextmanager
    def away(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()


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
            one["spec"]["progressDeadlineSeconds"] = int(PATIENCE)
            one["spec"]["strategy"]["canary"] |= {"scaleDownDelaySeconds": 1, "abortScaleDownDelaySeconds": 1}
    return found


def measured(folder: Path, stack: ExitStack) -> tuple[Proxies, Prometheus]:
    """Proxies that have counted nothing, and a Prometheus that asks them, until the stack's end."""
    proxies = Proxies()
    prometheus = Prometheus(folder, _exporter(proxies, stack))
    prometheus.start()
    stack.callback(prometheus.stop)
    return proxies, prometheus


@contextmanager
def world(folder: Path, objects: Sequence[Manifest], rights: Sequence[Manifest]) -> Iterator[World]:
    """All of it, until the end of the block; the objects in the order of their waves, `rights` before them."""
    with ExitStack() as stack:
        proxies, prometheus = measured(folder, stack)
        rendered = quickened(objects, prometheus.url)
        for one in rendered:
            if one["kind"] == "Rollout":
                # Nothing follows the number of pods here.
                one["spec"].setdefault("replicas", 2)
        server = stack.enter_context(api_server(folder, [*rendered, *KINDS]))
        home, account = CONTROLLER
        spaces = {one["metadata"]["namespace"] for one in (*rendered, *rights) if "namespace" in one["metadata"]}
        for namespace in sorted({*spaces, home}):
            server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        server.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": home}})
        for one in (*rights, *sorted(rendered, key=_wave)):
            verdict = server.create(one)
            assert verdict.status == 201, f"{one['kind']} {one['metadata']['name']}: {verdict.message}"
        controller_manager(folder, stack, server.kubeconfig(folder), "replicaset-controller")
        controller = rollouts_controller(folder, stack, server.kubeconfig(folder, account=CONTROLLER))
        found = World(server, proxies, folder, controller, prometheus)
        stack.enter_context(always(found.look, found.wrong, every=0.2, passing=urllib3.exceptions.HTTPError))
        yield found


def _wave(one: Manifest) -> int:
    return int(one["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))


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
