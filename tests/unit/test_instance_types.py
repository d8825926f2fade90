"""Instance types as AWS describes them, in the table that moto ships of it: the witness of what the settings say."""

from __future__ import annotations

from typing import Any

import pytest

from infra.settings.instance_types import architecture, launchable
from infra.settings.wealist import Backend, Database, GitHub, Monitoring, Wealist
from tests.witness.instance_types import described

DESCRIBED = {"x86_64": "x86_64", "arm64": "arm64", "x86_64_mac": "mac", "arm64_mac": "mac", "i386": None}


def test_a_types_architecture_is_what_aws_says() -> None:
    by_name = {
        name: {DESCRIBED[one] for one in entry["ProcessorInfo"]["SupportedArchitectures"]} - {None}
        for name, entry in described().items()
    }
    assert {name: {architecture(name)} for name in by_name} == by_name


def test_a_type_is_refused_that_cannot_be_ebs_optimized_and_no_other() -> None:
    unsupported = {
        name for name, entry in described().items() if entry["EbsInfo"]["EbsOptimizedSupport"] == "unsupported"
    }
    assert {name for name in described() if not name.startswith("mac") and refused(name)} == unsupported
    assert {"t2.small", "m3.medium"} <= unsupported


def refused(instance_type: str) -> bool:
    try:
        launchable(instance_type)
    except ValueError:
        return True
    return False


def test_graviton_is_taken_with_an_image_for_it() -> None:
    image = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    settings: dict[str, Any] = {
        "domain": "wealist.co.kr",
        "bucket_prefix": "wealist",
        "enable_multi_az": False,
        "network": {"cidr": "10.1.0.0/16", "zones": {"a": 0, "c": 1, "d": 2}},
        "github": GitHub(repositories=["OrangesCloud/wealist-project"]),
        "database": Database(init_instance_type="t4g.nano"),
        "monitoring": Monitoring(instance_type="t4g.small"),
    }
    assert Wealist(**settings, backend=Backend(instance_type="m7g.large", image_parameter=image))
    with pytest.raises(ValueError, match=r"backend\.instance_type t3\.small is x86_64"):
        Wealist(**settings, backend=Backend(image_parameter=image))
