"""What is rendered for eco2 and its tenants is created on a real API server, which refuses and warns as a cluster's would."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.api_server import ApiServer, Verdict, api_server
from tests.mesh import eco2
from tests.mesh.manifests import Manifest, named, pod_of, read

pytestmark = pytest.mark.verify


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    return {stack: read(eco2.cluster_files(tmp_path_factory, stack)) for stack in ("prod", "dev")}


@pytest.fixture(scope="module")
def objects(stacks: dict[str, list[Manifest]]) -> list[Manifest]:
    return stacks["prod"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, stacks: dict[str, list[Manifest]]) -> Iterator[ApiServer]:
    """With the namespaces, and so with their Pod Security Standards."""
    everything = [one for objects in stacks.values() for one in objects]
    namespaces = {one["metadata"]["name"]: one for one in everything if one["kind"] == "Namespace"}
    with api_server(tmp_path_factory.mktemp("api-server"), everything) as running:
        for one in namespaces.values():
            verdict = running.create(one)
            assert verdict.accepted, told(one, verdict)
        yield running


def told(manifest: Manifest, verdict: Verdict) -> str:
    metadata = manifest["metadata"]
    place = f"{metadata.get('namespace', '')}/{metadata['name']}".lstrip("/")
    return f"{manifest['kind']} {place}: {verdict.status} {verdict.message} {'; '.join(verdict.warnings)}"


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_every_object_is_admitted_without_a_warning(
    server: ApiServer, stacks: dict[str, list[Manifest]], stack: str
) -> None:
    others = [one for one in stacks[stack] if one["kind"] != "Namespace"]
    assert len(others) > 300
    verdicts = [(one, server.create(one, dry_run=True)) for one in others]
    assert [told(one, verdict) for one, verdict in verdicts if not verdict.accepted] == []


def filled_in(asked: Any, kept: Any, pointer: str = "", *, listed: bool = False) -> Iterator[str]:
    """Where something within a list was not asked for, and is there."""
    if isinstance(asked, dict) and isinstance(kept, dict):
        for key, value in kept.items():
            if key in asked:
                yield from filled_in(asked[key], value, f"{pointer}/{key}", listed=listed)
            elif listed:
                yield f"{pointer}/{key}"
    elif isinstance(asked, list) and isinstance(kept, list):
        for number, (one, other) in enumerate(zip(asked, kept, strict=True)):
            yield from filled_in(one, other, f"{pointer}/{number}", listed=True)


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_nothing_is_filled_in_within_a_list_of_an_operators_kind(
    server: ApiServer, stacks: dict[str, list[Manifest]], stack: str
) -> None:
    """Argo CD compares such a list as a whole: an object in which it is filled in is out of step for ever."""
    others = [one for one in stacks[stack] if "." in one["apiVersion"] and "k8s.io/" not in one["apiVersion"]]
    assert len(others) > 100
    found = {
        f"{one['kind']} {one['metadata']['name']}": [
            *filled_in(one.get("spec"), server.create(one, dry_run=True).body.get("spec"), "/spec")
        ]
        for one in others
    }
    assert {name: pointers for name, pointers in found.items() if pointers} == {}


@pytest.mark.parametrize("stack", ["prod", "dev"])
def test_every_pod_would_be_admitted_too(server: ApiServer, stacks: dict[str, list[Manifest]], stack: str) -> None:
    pods = [pod for one in stacks[stack] if (pod := pod_of(one))]
    assert len(pods) >= 14
    verdicts = [(pod, server.create(pod, dry_run=True)) for pod in pods]
    assert [told(pod, verdict) for pod, verdict in verdicts if not verdict.accepted] == []


def test_the_same_object_twice_is_refused(server: ApiServer, objects: list[Manifest]) -> None:
    assert server.create(named(objects, "Namespace", "auth")).status == 409


def _set(value: Any, *keys: Any) -> Callable[[Manifest], None]:
    def change(manifest: Manifest) -> None:
        place: Any = manifest
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


CONTAINER = ("spec", "template", "spec", "containers", 0)
BAD = {
    "an unknown field of a Deployment": (
        "Deployment", "scan-api", _set(1, "spec", "replica"), 'unknown field "spec.replica"'),
    "an unknown field of a container": (
        "Deployment", "scan-api", _set("x", *CONTAINER, "imagePolicy"), "containers[0].imagePolicy"),
    "an unknown field of a VirtualService": (
        "VirtualService", "scan-vs", _set("1s", "spec", "http", 0, "timeOut"), 'unknown field "spec.http[0].timeOut"'),
    "an unknown field of an ExternalSecret": (
        "ExternalSecret", "scan-api", _set("1h", "spec", "refresh"), 'unknown field "spec.refresh"'),
    "an unknown field of an Application": (
        "Application", "istiod", _set("x", "spec", "source", "version"), 'unknown field "spec.source.version"'),
    "a number as text": (
        "Deployment", "scan-api", _set("two", "spec", "replicas"), "spec.replicas"),
    "a text as number": (
        "DestinationRule", "scan-api", _set(7, "spec", "host"), "spec.host"),
    "a word that is none of the allowed": (
        "AuthorizationPolicy", "ext-authz-policy", _set("CUSTOMS", "spec", "action"), "spec.action"),
    "a selector of other labels": (
        "Deployment", "scan-api", _set({"app": "x"}, "spec", "selector", "matchLabels"), "`selector` does not match"),
    "a namespace that is not there": (
        "Deployment", "scan-api", _set("nowhere", "metadata", "namespace"), 'namespaces "nowhere" not found'),
    "a name that is none": (
        "Service", "scan-api", _set("Scan_API", "metadata", "name"), "metadata.name"),
    "a kind of no operator": (
        "VirtualService", "scan-vs", _set("VirtualServer", "kind"), "no kind VirtualServer"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(BAD))
def test_a_bad_object_is_refused_by_name_and_field(server: ApiServer, objects: list[Manifest], what: str) -> None:
    kind, name, change, said = BAD[what]
    bad = copy.deepcopy(named(objects, kind, name))
    change(bad)
    verdict = server.create(bad, dry_run=True)
    assert not verdict.accepted
    assert said in told(bad, verdict)


INSECURE = {
    "privileged": _set({"privileged": True}, *CONTAINER, "securityContext"),
    "as root": _set(0, *CONTAINER, "securityContext", "runAsUser"),
    "with capabilities": _set({"add": ["NET_ADMIN"]}, *CONTAINER, "securityContext", "capabilities"),
    "in the host's network": _set(True, "spec", "template", "spec", "hostNetwork"),
}


@pytest.mark.parametrize("how", list(INSECURE))
def test_a_pod_below_the_standard_is_warned_of_and_then_refused(
    server: ApiServer, objects: list[Manifest], how: str
) -> None:
    bad = copy.deepcopy(named(objects, "Deployment", "scan-api"))
    bad["metadata"]["name"] = "scan-api-changed"
    INSECURE[how](bad)
    warned = server.create(bad, dry_run=True)
    assert 'would violate PodSecurity "restricted' in told(bad, warned)
    refused = server.create(pod_of(bad) or {}, dry_run=True)
    assert refused.status == 403
    assert "violates PodSecurity" in refused.message
