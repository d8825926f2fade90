"""What an EC2 instance type is, as far as it decides whether a machine of it starts.

tests/unit/test_instance_types.py holds this to the table of instance types that moto took from AWS.
"""

from __future__ import annotations

import re
from typing import Literal

Architecture = Literal["x86_64", "arm64", "mac"]

_ARM = re.compile(r"(a1|[a-z]+\d+g[a-z]*)\.")
"""AWS's Graviton: a `g` after the generation, in which a family's name has no other."""

_NOT_EBS_OPTIMIZED = re.compile(
    r"t[12]\..+|c1\.medium|[cr]3\.(large|8xlarge)|i2\.8xlarge|m1\.(small|medium)|m2\.xlarge|m3\.(medium|large)"
)


def architecture(instance_type: str) -> Architecture:
    """Which images run on it."""
    if instance_type.startswith("mac"):
        return "mac"
    return "arm64" if _ARM.match(instance_type) else "x86_64"


def launchable(instance_type: str) -> str:
    """The type itself; `ValueError` says why no machine of it could start, whatever its image."""
    if architecture(instance_type) == "mac":
        raise ValueError("allowed: a type that runs Linux; a Mac needs a dedicated host")
    if _NOT_EBS_OPTIMIZED.fullmatch(instance_type):
        raise ValueError(
            "allowed: a type that can be EBS-optimised, which every machine here asks for, such as t3.small"
        )
    return instance_type


def check_architecture(key: str, instance_type: str, wanted: Architecture, image: str) -> None:
    """`ValueError` when the image does not run on the type; `image` says which it is."""
    found = architecture(instance_type)
    if found != wanted:
        example = "t3.small" if wanted == "x86_64" else "t4g.small"
        raise ValueError(
            f"{key} {instance_type} is {found}, its image ({image}) {wanted}: allowed: a type for {wanted}, such as {example}"
        )
