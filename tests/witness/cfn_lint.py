"""CloudFormation's schemas of AWS's resources, with cfn-lint's corrections: what a property's value may be, and which are fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.tools import missing
from tools.witnesses import find_witness

_REGION = "us-east-1"
"""The region that has every type."""

_LIMITS = ("pattern", "enum", "enumCaseInsensitive", "minLength", "maxLength", "minimum", "maximum")
_DEEPEST = 3

OF_CLOUDFORMATION_ALONE = {
    ("AWS::SSM::Parameter", "Type"),  # it makes no SecureString, which the API does
    ("AWS::Logs::Delivery", "FieldDelimiter"),  # the API takes an empty one
}

_ENGINES = {
    "AWS::RDS::DBInstance": "aws_rds_dbinstance",
    "AWS::ElastiCache::ReplicationGroup": "aws_elasticache_cachecluster",
}


@cache
def schema(type_: str) -> Mapping[str, Any]:
    """Of a type such as `AWS::EC2::SecurityGroup`."""
    found: Mapping[str, Any] = json.loads((_data() / f"resources/{_files()[type_]}.json").read_text())
    return found


def limits_of(type_: str) -> dict[str, dict[str, Any]]:
    """`GroupDescription` → its pattern, lengths and so on; what is in lists and blocks is `Tags.Key`."""
    described = schema(type_)
    found = _limits(described, {"properties": described["properties"]}, ())
    named = {".".join(path): limits for path, limits in sorted(found)}
    if type_ in _ENGINES:
        named["Engine"] = {"enum": engines(_ENGINES[type_])}
    return {path: limits for path, limits in named.items() if (type_, path) not in OF_CLOUDFORMATION_ALONE}


def extension(folder: str, name: str) -> Any:
    """What cfn-lint adds to a schema: `aws_ec2_instance`, `instancetype_enum`."""
    return json.loads((_data() / f"extensions/{folder}/{name}.json").read_text())


def engines(folder: str) -> list[str]:
    return list(_then(folder, "Engine", "Engine", {"type": "string"}))


def versions(folder: str, engine: str) -> list[str]:
    """The versions of an engine that a database or a cache may ask for."""
    return list(_then(folder, "EngineVersion", "Engine", {"const": engine}))


def classes(engine: str) -> dict[str, list[str]]:
    """Of instances for a database's engine: by the regions that lack them, as one text."""
    return _by_absence(
        {
            region: {
                one
                for rule in described["allOf"]
                if rule["if"]["properties"]["Engine"] == {"const": engine}
                for one in rule["then"]["properties"]["DBInstanceClass"]["enum"]
            }
            for region, described in _of_regions("aws_rds_dbinstance", "dbinstanceclass_enum")
        }
    )


def node_types() -> dict[str, list[str]]:
    """Of caches, likewise."""
    return _by_absence(
        {
            region: set(described["enum"])
            for region, described in _of_regions("aws_elasticache_cachecluster", "cachenodetype_enum")
        }
    )


def _of_regions(folder: str, name: str) -> Iterator[tuple[str, Any]]:
    return ((region, described) for region, described in extension(folder, name).items() if isinstance(described, dict))


def _by_absence(offered: Mapping[str, set[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in sorted(set().union(*offered.values())):
        lacking = " ".join(region for region in sorted(offered) if one not in offered[region])
        found.setdefault(lacking, []).append(one)
    return dict(sorted(found.items()))


def _then(folder: str, wanted: str, key: str, condition: Mapping[str, Any]) -> Iterator[str]:
    for rule in extension(folder, "engine_version")["allOf"]:
        then = rule["then"]["properties"]
        if rule["if"]["properties"].get(key) == condition and wanted in then:
            yield from then[wanted]["enum"]


def _limits(whole: Mapping[str, Any], node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Any]:
    if "$ref" in node:
        node = {**whole["definitions"][node["$ref"].rpartition("/")[2]], **node}
    limits = {key: node[key] for key in _LIMITS if key in node}
    if limits:
        yield path, limits
    if len(path) < _DEEPEST:
        for name, inner in node.get("properties", {}).items():
            yield from _limits(whole, inner, (*path, name))
        if isinstance(node.get("items"), dict):
            yield from _limits(whole, node["items"], path)


@cache
def _files() -> dict[str, str]:
    found: dict[str, str] = json.loads((_data() / f"providers/{_REGION}.json").read_text())
    return found


def _data() -> Path:
    folder = find_witness("cfn-lint") or missing("cfn-lint is not fetched: `python -m tools.witnesses` does it")
    return folder / "cfnlint/data/schemas"
