"""Writes policy/instance_types.json, from AWS' own table as moto ships it: `python -m tests.witness.instance_types`."""

from __future__ import annotations

import gzip
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

from policy.capacity import MACHINES


@cache
def described() -> dict[str, dict[str, Any]]:
    """Each instance type as DescribeInstanceTypes answers."""
    moto = importlib.util.find_spec("moto")
    assert moto
    assert moto.origin
    packed = (Path(moto.origin).parent / "ec2/resources/instance_types.json.gz").read_bytes()
    found: dict[str, dict[str, Any]] = json.loads(gzip.decompress(packed))
    assert len(found) > 1000
    return found


def machines() -> dict[str, tuple[int, int]]:
    """Processors and MiB of each type that runs images for x86_64; not of Macs."""
    return {
        name: (one["VCpuInfo"]["DefaultVCpus"], one["MemoryInfo"]["SizeInMiB"])
        for name, one in sorted(described().items())
        if "x86_64" in one["ProcessorInfo"]["SupportedArchitectures"]
    }


def written() -> str:
    rows = (f'  "{name}": [{vcpus}, {mib}]' for name, (vcpus, mib) in machines().items())
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    MACHINES.write_text(written())
