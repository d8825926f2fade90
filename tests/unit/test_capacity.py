"""What a node can give: the machines as AWS describes them, and what kernel, system and kubelet keep."""

from __future__ import annotations

import json

import pytest

from policy.capacity import (
    KERNEL_MIB,
    KERNEL_SHARE,
    MACHINES,
    Room,
    allocatable,
    capacity,
    cpu_milli,
    is_known,
    memory_mib,
)
from tests.stacks import ROOT
from tests.witness.instance_types import machines, written

KUBELET = (ROOT / "deploy/eco2/bootstrap/config/kubeadm-init.yaml").read_text()


def test_the_machines_are_those_that_aws_describes() -> None:
    """`python -m tests.witness.instance_types` writes them again."""
    assert MACHINES.read_text() == written()
    assert {name: tuple(size) for name, size in json.loads(written()).items()} == machines()


def test_every_type_that_was_measured_is_one_of_them_and_kept_more_of_its_memory_the_smaller_it_is() -> None:
    shares = {name: KERNEL_MIB[name] / machines()[name][1] for name in KERNEL_MIB}
    for family in ("t3", "t3a"):
        mine = [share for name, share in shares.items() if name.startswith(f"{family}.")]
        assert mine == sorted(mine, reverse=True)
    assert max(shares.values()) < KERNEL_SHARE


@pytest.mark.parametrize(
    ("instance_type", "memory"),
    [
        # The machine's MiB, less the kernel's, less 200 for the system, 200 for the kubelet and 100 at which it evicts.
        ("t3.small", 2048 - 131 - 500),
        ("t3.medium", 4096 - 253 - 500),
        ("t3.large", 8192 - 365 - 500),
        ("t3.xlarge", 16384 - 590 - 500),
        ("m7i.large", 8192 - 902 - 500),
    ],
)
def test_a_node_gives_what_nobody_keeps(instance_type: str, memory: int) -> None:
    assert allocatable(instance_type, KUBELET).memory == memory
    assert allocatable(instance_type, KUBELET).pods == 110


def test_processors_are_kept_too() -> None:
    assert (capacity("t3.xlarge").cpu, allocatable("t3.xlarge", KUBELET).cpu) == (4000, 3800)


def test_without_a_word_of_it_the_kubelet_keeps_what_it_evicts_at_and_no_more() -> None:
    assert allocatable("t3.small", "kind: KubeletConfiguration\n") == Room(cpu=2000, memory=1917 - 100)


@pytest.mark.parametrize("instance_type", ["t4g.small", "mac1.metal", "t9.small"])
def test_a_type_that_runs_no_node_here_is_not_known(instance_type: str) -> None:
    assert not is_known(instance_type)
    with pytest.raises(LookupError, match=f"{instance_type} is no x86_64 type"):
        capacity(instance_type)


def test_quantities_are_read_as_kubernetes_writes_them() -> None:
    assert [memory_mib(one) for one in ("128Mi", "1Gi", "1.5Gi", "1G", 1048576, 1048577.0, "64k")] == [
        128, 1024, 1536, 954, 1, 2, 1,
    ]  # fmt: skip
    assert [cpu_milli(one) for one in ("50m", "1", 2, 0.5, "1.5", 2.0)] == [50, 1000, 2000, 500, 1500, 2000]
    with pytest.raises(ValueError, match="is no quantity of memory: allowed: a number with k, M"):
        memory_mib("1Gb")
