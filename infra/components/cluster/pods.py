"""Pods that meet the restricted Pod Security Standard: builders of plain data, without a way to ask for less."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.components.cluster.objects import Body

PINNED = re.compile(
    r"[^\s:@]+(:\d+)?(/[^\s:@]+)*(:(?!latest(@|$))[\w][\w.-]{0,127}(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})"
)


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a container is given, and the memory that it may at most take. A limit of CPU would throttle it on an idle node."""

    cpu: str
    memory: str
    memory_limit: str

    def render(self) -> dict[str, dict[str, str]]:
        return {
            "requests": {"cpu": self.cpu, "memory": self.memory},
            "limits": {"memory": self.memory_limit},
        }


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a pod may run: on nodes with these labels, whose taints it tolerates."""

    labels: Mapping[str, str]
    tolerations: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """An empty folder that lives as long as the pod; `memory` keeps it off the disk."""

    size: str
    memory: bool = False

    def render(self) -> dict[str, Any]:
        medium = {"medium": "Memory"} if self.memory else {}
        return {"emptyDir": {"sizeLimit": self.size, **medium}}


@dataclass(frozen=True, kw_only=True)
class SecretFiles:
    """A Secret's keys as files that the pod's group may read; given `keys`, these alone."""

    secret: str
    keys: Sequence[str] = ()

    def render(self) -> dict[str, Any]:
        only = {"items": [{"key": key, "path": key} for key in self.keys]} if self.keys else {}
        return {"secret": {"secretName": self.secret, "defaultMode": 0o440, **only}}


@dataclass(frozen=True, kw_only=True)
class ConfigFiles:
    """A ConfigMap's keys as files."""

    config_map: str

    def render(self) -> dict[str, Any]:
        return {"configMap": {"name": self.config_map, "defaultMode": 0o444}}


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """The volume of that name among the StatefulSet's claims: the pod itself lists none."""

    def render(self) -> None:
        return None


Volume = Scratch | SecretFiles | ConfigFiles | Claimed


@dataclass(frozen=True, kw_only=True)
class Container:
    """`mounts` maps paths to names of the pod's volumes, `ports` names to numbers, `probes` kinds (`livenessProbe`) to bodies.

    Nothing secret goes into `env`, `command` or `args`: they are part of the manifest.
    """

    name: str
    image: str
    resources: Resources
    command: Sequence[str] = ()
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, Body] = field(default_factory=dict)
    drain_seconds: int = 0
    """How long the container goes on serving when it is to stop, for its callers to hear of it."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod of one user, without an API token. `sidecar` is what Istio's proxy gets, where the namespace has proxies."""

    containers: Sequence[Container]
    placement: Placement
    user: int
    first: Sequence[Container] = ()
    """Containers that run to their end, one after the other, before the others start."""
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    sidecar: Resources | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    grace_seconds: int = 30
    restart: str = "Always"


def pod_template(pod: Pod, *, account: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """The template of a Deployment, a StatefulSet or a Job; `ValueError` for an image without a pinned tag, or a stray mount."""
    spec: dict[str, Any] = {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": pod.restart,
        "terminationGracePeriodSeconds": pod.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": pod.user,
            "runAsGroup": pod.user,
            "fsGroup": pod.user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "nodeSelector": dict(pod.placement.labels),
        "tolerations": [dict(one) for one in pod.placement.tolerations],
        "containers": [_container(one, pod.volumes) for one in pod.containers],
    }
    if pod.first:
        spec["initContainers"] = [_container(one, pod.volumes) for one in pod.first]
    if volumes := _volumes(pod.volumes):
        spec["volumes"] = volumes
    annotations = {**_sidecar(pod.sidecar), **pod.annotations}
    return {
        "metadata": {"labels": dict(labels), **({"annotations": annotations} if annotations else {})},
        "spec": spec,
    }


def _container(container: Container, volumes: Mapping[str, Volume]) -> dict[str, Any]:
    if not PINNED.fullmatch(container.image):
        raise ValueError(f"{container.name}: the image '{container.image}' is not pinned to a release")
    if stray := set(container.mounts.values()) - volumes.keys():
        raise ValueError(f"{container.name}: mounts volumes that the pod has not: {', '.join(sorted(stray))}")
    rendered: dict[str, Any] = {
        "name": container.name,
        "image": container.image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": container.resources.render(),
    }
    optional = {
        "command": list(container.command),
        "args": list(container.args),
        "env": [{"name": key, "value": value} for key, value in sorted(container.env.items())],
        "ports": [
            {"name": key, "containerPort": port, "protocol": "TCP"} for key, port in sorted(container.ports.items())
        ],
        "volumeMounts": [_mount(path, name, volumes[name]) for path, name in sorted(container.mounts.items())],
        "lifecycle": _drain(container.drain_seconds),
    }
    rendered |= {key: value for key, value in optional.items() if value}
    return rendered | {kind: dict(probe) for kind, probe in container.probes.items()}


def _mount(path: str, name: str, volume: Volume) -> dict[str, Any]:
    read_only = {"readOnly": True} if isinstance(volume, SecretFiles | ConfigFiles) else {}
    return {"name": name, "mountPath": path, **read_only}


def _volumes(volumes: Mapping[str, Volume]) -> list[dict[str, Any]]:
    rendered = {name: volume.render() for name, volume in sorted(volumes.items())}
    return [{"name": name, **body} for name, body in rendered.items() if body]


def _drain(seconds: int) -> dict[str, Any]:
    # Kubernetes' own sleep: the image needs no shell.
    return {"preStop": {"sleep": {"seconds": seconds}}} if seconds else {}


def _sidecar(resources: Resources | None) -> dict[str, str]:
    if resources is None:
        return {}
    return {
        "sidecar.istio.io/proxyCPU": resources.cpu,
        "sidecar.istio.io/proxyMemory": resources.memory,
        "sidecar.istio.io/proxyMemoryLimit": resources.memory_limit,
    }


def http_probe(path: str, port: str, **timing: int) -> dict[str, Any]:
    """`timing` are Kubernetes' own fields: `periodSeconds`, `failureThreshold`, `timeoutSeconds`."""
    return {"httpGet": {"path": path, "port": port}, **timing}


def grpc_probe(port: int, service: str = "", **timing: int) -> dict[str, Any]:
    """gRPC's health protocol; `service` is the name whose health is asked for, none for the server's."""
    return {"grpc": {"port": port, "service": service}, **timing}


def command_probe(command: Sequence[str], **timing: int) -> dict[str, Any]:
    """Healthy when the command ends with 0."""
    return {"exec": {"command": list(command)}, **timing}
