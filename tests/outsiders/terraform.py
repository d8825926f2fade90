"""A stack's AWS resources as Terraform's plan document (`terraform show -json`), which outsiders' linters read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rehearsal.recording import Recording, Registered
from rehearsal.report.saved import Masker

NAMES = {
    "aws:codedeploy/application:Application": "aws_codedeploy_app",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:rds/instance:Instance": "aws_db_instance",
    "aws:rds/parameterGroup:ParameterGroup": "aws_db_parameter_group",
    "aws:rds/subnetGroup:SubnetGroup": "aws_db_subnet_group",
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object",
}
"""What Terraform calls a type, where the rule below does not say it."""

_MAPS = frozenset({"tags", "dimensions", "parameters", "variables"})
"""Maps of texts, which Terraform has no blocks for."""
_PLURAL = frozenset({"block_device_mappings", "redacted_fields", "tag_specifications"})
"""Blocks whose name is a plural in Terraform too."""


def terraform_type(token: str) -> str:
    """`aws_kms_key` for `aws:kms/key:Key`; EC2's types go without their service."""
    _, place, _ = token.split(":")
    service, kind = place.split("/")
    return NAMES.get(token) or "_".join(["aws", *([] if service == "ec2" else [service]), snake(kind)])


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def plan(recording: Recording, mask: Masker) -> dict[str, Any]:
    """The document of what is made, with what refers to what."""
    resources = [one for one in recording if one.custom and one.type.startswith("aws:")]
    addresses = {one.urn: address(one) for one in resources}
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": [_planned(one, mask) for one in resources]}},
        "resource_changes": [
            {
                **_named(one),
                "change": {"actions": ["create"], "before": None, "after": values(one, mask), "after_unknown": {}},
            }
            for one in resources
        ],
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws"}},
            "root_module": {"resources": [_configured(one, addresses) for one in resources]},
        },
    }


def address(one: Registered) -> str:
    return f"{terraform_type(one.type)}.{one.name}"


def values(one: Registered, mask: Masker) -> dict[str, Any]:
    """The inputs as Terraform spells them: blocks are lists, names have underscores."""
    found = {snake(key): value for key, value in mask(one.inputs).items()}
    return dict(_block(found.items()))


def _block(items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    for key, value in items:
        name = snake(key)
        match value:
            case Mapping() if name in _MAPS:
                yield name, dict(value)
            case Mapping():
                yield name, [dict(_block(value.items()))]
            case [Mapping(), *_]:
                yield _singular(name), [dict(_block(item.items())) for item in value]
            case _:
                yield name, _plain(value)


def _singular(name: str) -> str:
    if name in _PLURAL:
        return name
    return re.sub(r"(?<=ias)es$|s$", "", name)


def _plain(value: Any) -> Any:
    match value:
        case "true" | "false":
            return value == "true"
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _named(one: Registered) -> dict[str, Any]:
    return {
        "address": address(one),
        "mode": "managed",
        "type": terraform_type(one.type),
        "name": one.name,
        "provider_name": "registry.terraform.io/hashicorp/aws",
    }


def _planned(one: Registered, mask: Masker) -> dict[str, Any]:
    return {**_named(one), "schema_version": 0, "values": values(one, mask), "sensitive_values": {}}


def _configured(one: Registered, addresses: Mapping[str, str]) -> dict[str, Any]:
    """Each argument with the resources that it names."""
    expressions = {}
    for key, urns in one.property_dependencies.items():
        named = sorted(addresses[urn] for urn in urns if urn in addresses)
        if named:
            references = [reference for found in named for reference in (f"{found}.id", found)]
            expressions[snake(key)] = {"references": references}
    return {
        **{key: value for key, value in _named(one).items() if key != "provider_name"},
        "provider_config_key": "aws",
        "expressions": expressions,
        "schema_version": 0,
    }


def written(recording: Recording, mask: Masker) -> str:
    return json.dumps(plan(recording, mask), indent=1)
