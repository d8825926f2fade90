"""What the API server asks of pods, which only say that they run: webhooks, and how much other pods use.

It asks through a proxy (`egress`), by the address of a Service. A Service answers once one of its pods is ready, as on a cluster:
until then a webhook refuses, or is passed over, as its configuration has it. Then it lets everything through and changes nothing,
and metrics-server says that each container uses a little.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tests.cluster.api_server import ApiServer
from tests.mesh.manifests import Manifest

METRICS = "/apis/metrics.k8s.io/v1beta1"
USES = {"cpu": "10m", "memory": "32Mi"}


def egress(folder: Path, socket: Path) -> Path:
    """The API server's own setting: whom it asks within the cluster by way of this proxy."""
    path = folder / "egress.yaml"
    cluster = {
        "name": "cluster",
        "connection": {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(socket)}}},
    }
    path.write_text(
        json.dumps(
            {
                "apiVersion": "apiserver.k8s.io/v1beta1",
                "kind": "EgressSelectorConfiguration",
                "egressSelections": [cluster],
            }
        )
    )
    return path


class Inside:
    """The cluster's Services, as the API server reaches them."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._services: dict[str, Manifest] = {}

    def answer(self, address: str, method: str, target: str, body: bytes) -> tuple[int, Manifest]:
        """What the Service at an address says."""
        service = self._service(address)
        if service is None or not self._is_ready(service):
            return 503, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no pod is ready"}
        if target.startswith(("/apis", "/openapi")):
            return self._metrics(target)
        review = json.loads(body) if method == "POST" else {}
        allowed = {"uid": review["request"]["uid"], "allowed": True} if "request" in review else {}
        return 200, {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": allowed}

    def _service(self, address: str) -> Manifest | None:
        if address not in self._services:
            found = self._server.request("GET", "/api/v1/services").body.get("items", ())
            self._services = {one["spec"].get("clusterIP", ""): one for one in found}
        return self._services.get(address)

    def _is_ready(self, service: Manifest) -> bool:
        selector = service["spec"].get("selector") or {}
        labels = quote(",".join(f"{key}={value}" for key, value in selector.items()))
        path = f"/api/v1/namespaces/{service['metadata']['namespace']}/pods?labelSelector={labels}"
        return any(_ready(pod) for pod in self._server.request("GET", path).body.get("items", ()))

    def _metrics(self, target: str) -> tuple[int, Manifest]:
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == METRICS:
            resources = [
                {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}
                for name, namespaced, kind in (("nodes", False, "NodeMetrics"), ("pods", True, "PodMetrics"))
            ]
            return 200, {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": "metrics.k8s.io/v1beta1",
                "resources": resources,
            }
        parts = path.removeprefix(METRICS).strip("/").split("/")
        if not path.startswith(METRICS) or parts[0] != "namespaces" or parts[2:] != ["pods"]:
            return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": f"no {path}"}
        labels = quote(query.get("labelSelector", [""])[0])
        pods = self._server.request("GET", f"/api/v1/namespaces/{parts[1]}/pods?labelSelector={labels}").body["items"]
        items = [_usage(pod) for pod in pods if _ready(pod)]
        return 200, {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}


def _usage(pod: Manifest) -> dict[str, Any]:
    about = {key: pod["metadata"].get(key) for key in ("name", "namespace", "labels")}
    containers = [{"name": one["name"], "usage": USES} for one in pod["spec"]["containers"]]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"metadata": about, "timestamp": now, "window": "15s", "containers": containers}


def _ready(pod: Manifest) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True" for one in pod.get("status", {}).get("conditions") or ()
    )
