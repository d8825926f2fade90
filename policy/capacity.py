"""What a node can give to pods, by its instance type: the machine, less what the kernel, the system and the kubelet keep.

The machines are in instance_types.json, which `python -m tests.witness.instance_types` writes from moto's copy of AWS' table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

MACHINES = Path(__file__).with_name("instance_types.json")

PODS = 110
"""The kubelet's own `maxPods` (kubernetes 1.36.3, pkg/kubelet/apis/config/v1beta1/defaults.go): Calico's pods need no
address of the machine's."""

KERNEL_MIB = {
    "t3.micro": 104, "t3.small": 131, "t3.medium": 253, "t3.large": 365, "t3.xlarge": 590, "t3.2xlarge": 1039,
    "t3a.micro": 100, "t3a.small": 125, "t3a.medium": 241, "t3a.large": 343, "t3a.xlarge": 546, "t3a.2xlarge": 953,
}  # fmt: skip
"""What machines' kernel and firmware keep, the most that the authors of Karpenter have measured with any of AWS' images for nodes
(aws/karpenter-provider-aws, zz_generated.memory_overhead.go at 33450d8, read on 2026-11-29; rounded up to MiB)."""

KERNEL_SHARE = 0.11
"""Of the other types: the greatest share in the same list among the families c, m and r since the fifth generation, c5.large's."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """Processors in thousandths, memory in MiB, a number of pods."""

    cpu: int
    memory: int
    pods: int = PODS


def is_known(instance_type: str) -> bool:
    return instance_type in _machines()


def capacity(instance_type: str) -> Room:
    """What the kubelet finds on the machine; LookupError for a type that the table has not."""
    if not is_known(instance_type):
        raise LookupError(f"{instance_type} is no x86_64 type of {MACHINES.name}: allowed: such as t3.small")
    vcpus, mib = _machines()[instance_type]
    kernel = KERNEL_MIB.get(instance_type, -int(-mib * KERNEL_SHARE // 1))
    return Room(cpu=1000 * vcpus, memory=mib - kernel)


def allocatable(instance_type: str, kubelet: str) -> Room:
    """What the scheduler gives to pods, by the kubelet's configuration: the text, which may be a template and no YAML yet."""
    found, kept = capacity(instance_type), _kept(kubelet)
    return Room(cpu=found.cpu - kept.cpu, memory=found.memory - kept.memory)


@cache
def _machines() -> Mapping[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = json.loads(MACHINES.read_text())
    return found


@cache
def _kept(kubelet: str) -> Room:
    """What is reserved for the system and the kubelet, and the memory at which it evicts. What is not set, kubelets do not keep."""
    reserved = [_setting(kubelet, key) for key in ("systemReserved", "kubeReserved")]
    evicted = memory_mib(_setting(kubelet, "evictionHard").get("memory.available", EVICTED))
    return Room(
        cpu=sum(cpu_milli(one.get("cpu", 0)) for one in reserved),
        memory=sum(memory_mib(one.get("memory", 0)) for one in reserved) + evicted,
    )


EVICTED = "100Mi"
"""The kubelet's own threshold on Linux (pkg/kubelet/apis/config/v1beta1/defaults_linux.go)."""


def _setting(kubelet: str, key: str) -> Mapping[str, str]:
    lines = re.findall(rf"^{key}: (.+)$", kubelet, re.MULTILINE)
    return yaml.safe_load(lines[0]) if lines else {}


_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([A-Za-z]*)")
_BYTES = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def memory_mib(quantity: object) -> int:
    """A quantity of memory in MiB, rounded up; ValueError for what is none."""
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None or found[2] not in _BYTES:
        raise ValueError(
            f"{quantity} is no quantity of memory: allowed: a number with {', '.join(_BYTES)[2:]}, or alone"
        )
    return -int(-float(found[1]) * _BYTES[found[2]] // 2**20)


def cpu_milli(quantity: object) -> int:
    """A quantity of processors in thousandths."""
    text = str(quantity)
    return round(float(text.removesuffix("m")) if text.endswith("m") else float(text) * 1000)
