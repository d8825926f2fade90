"""A stack's AWS resources as Terraform's plan document (`terraform show -json`), which outsiders' linters read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.recording import Recording, Registered
from rehearsal.report.saved import Masker

NAMES = {
    "aws:codedeploy/application:Application": "aws_codedeploy_app",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "aws_iam_openid_connect_provider",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:rds/instance:Instance": "aws_db_instance",
    "aws:rds/parameterGroup:ParameterGroup": "aws_db_parameter_group",
    "aws:rds/subnetGroup:SubnetGroup": "aws_db_subnet_group",
    "aws:s3/bucketObjectv2:BucketObjectv2": "aws_s3_object",
}
"""What Terraform calls a type, where the rule below does not say it."""

_MAPS = frozenset({"tags", "dimensions", "parameters", "variables"})
"""Maps of texts, which Terraform has no blocks for."""
_PLURAL = frozenset({"block_device_mappings", "items", "redacted_fields", "tag_specifications", "targets"})
"""Blocks whose name is a plural in Terraform too."""
_SINGULAR = frozenset({"client_id_lists", "rule_action_overrides", "vpc_zone_identifiers"})
"""What Pulumi has in the plural though it is no block, or none is there."""


def terraform_type(token: str) -> str:
    """`aws_kms_key` for `aws:kms/key:Key`; EC2's types go without their service."""
    _, place, _ = token.split(":")
    service, kind = place.split("/")
    return NAMES.get(token) or "_".join(["aws", *([] if service == "ec2" else [service]), snake(kind)])


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def plan(recording: Recording, mask: Masker) -> dict[str, Any]:
    """The document of what is made, with what refers to what."""
    resources = {one.urn: one for one in recording if one.custom and one.type.startswith("aws:")}
    planned = [_planned(one, resources, mask) for one in resources.values()]
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": [one.values() for one in planned]}},
        "resource_changes": [one.change() for one in planned],
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws"}},
            "root_module": {"resources": [one.configuration() for one in planned]},
        },
    }


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One resource: the arguments that a plan knows, those that only making others tells, and what each says in the source."""

    resource: Registered
    known: dict[str, Any]
    unknown: frozenset[str]
    expressions: dict[str, Any]

    def values(self) -> dict[str, Any]:
        return {**_named(self.resource), "schema_version": 0, "values": self.known, "sensitive_values": {}}

    def change(self) -> dict[str, Any]:
        unknown = dict.fromkeys(sorted(self.unknown), True)
        made = {"actions": ["create"], "before": None, "after": self.known, "after_unknown": unknown}
        return {**_named(self.resource), "change": made}

    def configuration(self) -> dict[str, Any]:
        return {
            **{key: value for key, value in _named(self.resource).items() if key != "provider_name"},
            "provider_config_key": "aws",
            "expressions": self.expressions,
            "schema_version": 0,
        }


def _planned(one: Registered, resources: Mapping[str, Registered], mask: Masker) -> Planned:
    inputs = mask(one.inputs)
    known, unknown, expressions = {}, set(), {}
    for key, (name, value) in zip(inputs, _arguments(inputs), strict=True):
        others = [resources[urn] for urn in sorted(one.property_dependencies.get(key, ())) if urn in resources]
        expression = _expression(value, others)
        if isinstance(value, str) and expression:
            unknown.add(name)
        else:
            known[name] = value
        # What others are a part of, such as a policy, refers to all of them.
        if found := expression or _references((other, "id") for other in others):
            expressions[name] = found
    return Planned(resource=one, known=known, unknown=frozenset(unknown), expressions=expressions)


def _expression(value: Any, others: Sequence[Registered]) -> Any:
    """Of blocks, each one's own arguments; else the outputs of others that the value is, one or a list of them."""
    match value:
        case [Mapping(), *_]:
            inner = ({key: _expression(part, others) for key, part in item.items()} for item in value)
            return [{key: found for key, found in item.items() if found} for item in inner]
        case str() | [str(), *_]:
            texts = [value] if isinstance(value, str) else value
            return _references(found for text in texts for found in _output_that_is(text, others))
        case _:
            return None


def _output_that_is(text: str, others: Iterable[Registered]) -> Iterator[tuple[Registered, str]]:
    """Whose output the text is, and what that is called: the id before all others."""
    for other in others:
        outputs = {"id": other.id, **other.outputs}
        if found := next((key for key, value in outputs.items() if value == text), None):
            yield other, found
            return


def _references(found: Iterable[tuple[Registered, str]]) -> dict[str, list[str]] | None:
    named = [part for other, output in found for part in (f"{address(other)}.{snake(output)}", address(other))]
    return {"references": named} if named else None


def address(one: Registered) -> str:
    return f"{terraform_type(one.type)}.{one.name}"


def _arguments(inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each input as Terraform spells it: blocks are lists, names have underscores."""
    for key, value in inputs.items():
        name = snake(key)
        match value:
            case Mapping() if name in _MAPS:
                yield name, dict(value)
            case Mapping():
                yield name, [dict(_arguments(value))]
            case [Mapping(), *_]:
                yield name if name in _PLURAL else _singular(name), [dict(_arguments(item)) for item in value]
            case _:
                yield _singular(name) if name in _SINGULAR else name, _plain(value)


def _singular(name: str) -> str:
    return re.sub(r"(?<=ias)es$|s$", "", re.sub(r"ies$", "ys", name))


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


def written(recording: Recording, mask: Masker) -> str:
    return json.dumps(plan(recording, mask), indent=1)
