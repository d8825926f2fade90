"""What operators that are not run here would say of the objects that are theirs, and write into objects of others.

Of the objects that a health check of Argo CD's waits for: that all is well, as soon as they are there. And into every webhook's
configuration the authority that its owner puts there (cert-manager's injector, istiod, External Secrets).
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import urllib3

from tests.cluster.api_server import ApiServer
from tests.cluster.controllers import always
from tests.cluster.rollouts import KINDS
from tests.mesh.manifests import Manifest
from tests.trial import volumes

SAID: Mapping[str, str] = {
    "cert-manager.io/v1/certificates": "Ready",
    "cert-manager.io/v1/issuers": "Ready",
    "external-secrets.io/v1/clustersecretstores": "Ready",
    "external-secrets.io/v1/secretstores": "Ready",
    "external-secrets.io/v1/externalsecrets": "Ready",
    "kafka.strimzi.io/v1/kafkas": "Ready",
    "kafka.strimzi.io/v1/kafkanodepools": "Ready",
    "kafka.strimzi.io/v1/kafkatopics": "Ready",
    "kafka.strimzi.io/v1/kafkausers": "Ready",
    "monitoring.coreos.com/v1/prometheuses": "Available",
    "monitoring.coreos.com/v1/alertmanagers": "Available",
}
"""The condition that each operator sets."""

COUNTED: Manifest = {
    "paused": False,
    "replicas": 1,
    "updatedReplicas": 1,
    "availableReplicas": 1,
    "unavailableReplicas": 0,
}
"""What Prometheus' operator says besides of each of its objects, which is not valid without."""

HOOKS = "/apis/admissionregistration.k8s.io/v1"


@contextmanager
def operators(server: ApiServer, authority: bytes, rollouts: Callable[[], object]) -> Iterator[list[Exception]]:
    """They act until the end of the block; what goes wrong with them is in the list, and raised at the end.

    `authority` is who signed the webhooks' certificate, in PEM; `rollouts` starts that controller, once its kinds are there.
    """
    wrong: list[Exception] = []
    bundle = base64.b64encode(authority).decode()
    started = False
    looks = itertools.count(1)

    def act() -> None:
        nonlocal started
        look(server, bundle)
        if not started and _has_rollouts(server):
            started = True
            rollouts()
        if next(looks) % 5 == 0:
            _touch_stateful_sets(server)

    with always(act, wrong, every=2, passing=urllib3.exceptions.TimeoutError):
        yield wrong
    if wrong:
        raise wrong[0]


def _has_rollouts(server: ApiServer) -> bool:
    return all(
        server.request("GET", f"/apis/{one['apiVersion']}/{one['kind'].lower()}s").status == 200 for one in KINDS
    )


def look(server: ApiServer, bundle: str) -> None:
    """Once: at every object that is theirs."""
    for kind, condition in SAID.items():
        for one in server.request("GET", f"/apis/{kind}").body.get("items", ()):
            if not _is_told(one, condition):
                _say(server, kind, one, condition)
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        for one in server.request("GET", f"{HOOKS}/{kind}").body.get("items", ()):
            _authorize(server, f"{HOOKS}/{kind}/{one['metadata']['name']}", one, bundle)
    volumes.provision(server)


def _is_told(one: Manifest, condition: str) -> bool:
    """Whether it was said of this version. A kind that keeps no version is told once: each word is news for whoever looks on."""
    status, generation = one.get("status", {}), one["metadata"]["generation"]
    known = status.get("observedGeneration", generation)
    return any(
        each["type"] == condition and each.get("observedGeneration", known) == generation
        for each in status.get("conditions", ())
    )


def _say(server: ApiServer, kind: str, one: Manifest, condition: str) -> None:
    about, generation = one["metadata"], one["metadata"]["generation"]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    said = {
        "type": condition,
        "status": "True",
        "reason": "Ready",
        "lastTransitionTime": now,
        "observedGeneration": generation,
    }
    version, _, plural = kind.rpartition("/")
    space = f"/namespaces/{about['namespace']}" if "namespace" in about else ""
    path = f"/apis/{version}{space}/{plural}/{about['name']}/status"
    counted = COUNTED if condition == "Available" else {"observedGeneration": generation}
    verdict = server.request("PATCH", path, {"status": {"conditions": [said], **counted}})
    # It may have gone meanwhile.
    if verdict.status not in (200, 404):
        raise RuntimeError(f"{path}: {verdict.message}")


def _authorize(server: ApiServer, path: str, one: Manifest, bundle: str) -> None:
    hooks = one.get("webhooks", ())
    if all(hook["clientConfig"].get("caBundle") == bundle for hook in hooks):
        return
    change = [
        {"op": "add", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": bundle}
        for number in range(len(hooks))
    ]
    server.request("PATCH", path, change, kind="application/json-patch+json")


def _touch_stateful_sets(server: ApiServer) -> None:
    """As tests/trial/standing.py says: 1.36.3 may put off a set's last step until the next event."""
    for one in server.request("GET", "/apis/apps/v1/statefulsets").body["items"]:
        status = one.get("status", {})
        if status.get("readyReplicas", 0) < one["spec"].get("replicas", 1):
            path = f"/apis/apps/v1/namespaces/{one['metadata']['namespace']}/statefulsets/{one['metadata']['name']}"
            server.request("PATCH", path, {"metadata": {"annotations": {"trial/seen": str(time.monotonic())}}})
