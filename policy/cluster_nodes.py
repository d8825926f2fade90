"""The nodes of the cluster that a stack makes, as the machines' own program says what becomes of them."""

from __future__ import annotations

import base64
import binascii
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from policy.aws_types import AUTO_SCALING_GROUP, BUCKET_OBJECT, INSTANCE, LAUNCH_TEMPLATE
from policy.capacity import Room, allocatable, is_known
from policy.kubernetes_objects import at, each
from policy.rules.model import Resource, Stack

_ROLES, _KUBELET = "nodes.json", "config/kubeadm-init.yaml"
"""In the bundle: who may become a node with which labels and taints, and by what kubelets go."""

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
LINUX = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}


@dataclass(frozen=True, kw_only=True)
class ClusterNode:
    """A node, and the resource that makes its machine; one of a group that grows has a number after its name."""

    name: str
    instance_type: str
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, Any]]
    gives: Room
    resource: Resource = field(compare=False)
    grows: bool = False


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A machine of a type that is not known."""

    name: str
    instance_type: str
    resource: Resource


def cluster_nodes(stack: Stack) -> list[ClusterNode | Unknown]:
    """The documented nodes, and as many of the tenants' as their group may have; none where no bundle says who becomes one."""
    for one in stack.of(BUCKET_OBJECT):
        if bundle := _bundle(str(one.props.get("contentBase64") or "")):
            roles, kubelet = bundle
            return [*_named(stack, roles, kubelet), *_tenants(stack, roles, kubelet)]
    return []


@lru_cache(maxsize=4)
def _bundle(content: str) -> tuple[Mapping[str, Any], str] | None:
    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(content)), mode="r:gz") as archive:
            if not {_ROLES, _KUBELET} <= set(archive.getnames()):
                return None
            return json.loads(_text(archive, _ROLES)), _text(archive, _KUBELET)
    except (tarfile.TarError, binascii.Error, OSError, EOFError):
        return None


def _text(archive: tarfile.TarFile, name: str) -> str:
    file = archive.extractfile(name)
    return file.read().decode() if file else ""


def _named(stack: Stack, roles: Mapping[str, Any], kubelet: str) -> Iterator[ClusterNode | Unknown]:
    for machine in stack.of(INSTANCE):
        name = at(machine.props, "tags", "Name")
        if role := at(roles, "nodes", str(name)):
            more = {CONTROL_PLANE: ""} if name == roles["master"] else {}
            yield _node(str(name), machine, role, more, kubelet)


def _tenants(stack: Stack, roles: Mapping[str, Any], kubelet: str) -> Iterator[ClusterNode | Unknown]:
    role = at(roles, "tenants")
    groups = [one for one in stack.of(AUTO_SCALING_GROUP) if role and at(one.props, "name") == role["group"]]
    templates = [
        one
        for one in stack.of(LAUNCH_TEMPLATE)
        if groups and role["profile"].endswith(f"/{at(one.props, 'iamInstanceProfile', 'name')}")
    ]
    for group, template in zip(groups, templates, strict=False):
        for number in range(int(at(group.props, "maxSize") or 0)):
            yield _node(f"{role['prefix']}{number + 1}", template, role, {}, kubelet, grows=True)


def _node(
    name: str, machine: Resource, role: Mapping[str, Any], more: Mapping[str, str], kubelet: str, *, grows: bool = False
) -> ClusterNode | Unknown:
    instance_type = str(at(machine.props, "instanceType"))
    if not is_known(instance_type):
        return Unknown(name=name, instance_type=instance_type, resource=machine)
    return ClusterNode(
        name=name,
        instance_type=instance_type,
        labels={"kubernetes.io/hostname": name, **LINUX, **role["labels"], **more},
        taints=each(role, "taints"),
        gives=allocatable(instance_type, kubelet),
        resource=machine,
        grows=grows,
    )
