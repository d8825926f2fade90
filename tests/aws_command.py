"""A page's `aws` commands, carried out by boto3: the options are held to the API's parameters, as the AWS CLI derives them."""

from __future__ import annotations

import shlex
from typing import Any, cast

import boto3
from botocore import xform_name
from botocore.model import ListShape, StructureShape


def run_aws(command: str, *, region: str, variables: dict[str, str] | None = None) -> Any:
    """The answer of `aws <service> <operation> --option value …`; `"$NAME"` is one of `variables`; `--query` is not done."""
    aws, service, operation, *options = shlex.split(command)
    if aws != "aws":
        raise ValueError(f"no command of aws: {command}")
    client = boto3.client(service, region_name=region)  # type: ignore[call-overload]
    if operation == "wait":
        waiter = client.get_waiter(options[0].replace("-", "_"))
        return waiter.wait(**_arguments(_shape(client, waiter.config.operation), options[1:], variables or {}))
    names = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    arguments = _arguments(_shape(client, names[operation]), options, variables or {})
    return getattr(client, operation.replace("-", "_"))(**arguments)


def _shape(client: Any, operation: str) -> StructureShape:
    return cast(StructureShape, client.meta.service_model.operation_model(operation).input_shape)


def _arguments(shape: StructureShape, options: list[str], variables: dict[str, str]) -> dict[str, Any]:
    known = {xform_name(name, "-"): (name, member) for name, member in shape.members.items()}
    found: dict[str, Any] = {}
    for option, values in _grouped(options):
        if option in ("query", "output"):
            continue
        bare = option.removeprefix("no-") if option not in known else option
        name, member = known[bare]
        given = [variables[value[1:]] if value.startswith("$") else value for value in values]
        if member.type_name == "boolean":
            found[name] = bare == option
        elif isinstance(member, ListShape):
            found[name] = [_item(member.member, value) for value in given]
        else:
            (found[name],) = given
    return found


def _grouped(options: list[str]) -> list[tuple[str, list[str]]]:
    groups: list[tuple[str, list[str]]] = []
    for word in options:
        if word.startswith("--"):
            groups.append((word.removeprefix("--"), []))
        else:
            groups[-1][1].append(word)
    return groups


def _item(shape: Any, value: str) -> Any:
    """A list's item: text, or the CLI's shorthand `Name=a,Values=b`."""
    if not isinstance(shape, StructureShape):
        return value
    parts = dict(part.split("=", 1) for part in value.split(","))
    return {key: [text] if isinstance(shape.members[key], ListShape) else text for key, text in parts.items()}
