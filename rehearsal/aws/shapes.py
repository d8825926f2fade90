"""Pulumi properties to AWS API parameters and back, guided by botocore's own service models.

A Pulumi input `enableDnsSupport` finds the API member `EnableDnsSupport` by name whatever its case; the member's shape
says how to cast the value, and its limits refuse what AWS would refuse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from rehearsal.aws.limits import check_limits
from rehearsal.provider import Rejected

Names = Mapping[str, str]


def member(shape: StructureShape, key: str, names: Names) -> str | None:
    """The API member that a Pulumi property goes to, `None` when the shape has none of that name."""
    wanted = names.get(key, key).lower()
    return next((name for name in shape.members if name.lower() == wanted), None)


def to_api(shape: Shape, value: Any, names: Names, path: str) -> Any:
    """`value` as the API takes it; `Rejected` names the path of a value that does not fit the shape."""
    match shape:
        case StructureShape():
            return _structure(shape, value, names, path)
        case ListShape():
            return _list(shape, value, names, path)
        case MapShape() if isinstance(value, dict):
            return _map(shape, value, names, path)
        case _:
            return _scalar(shape, value, path)


def _structure(shape: StructureShape, value: Any, names: Names, path: str) -> Any:
    if {"Quantity", "Items"} <= shape.members.keys() and isinstance(value, list):
        value = {"Quantity": 0, "Items": value}
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise Rejected(f"{path}: {value!r} is not a block of properties")
    converted = {}
    for key, item in value.items():
        if item is None:
            continue
        name = member(shape, key, names)
        if name is None:
            raise Rejected(f"{path}.{key}: the API knows no such property (it has {', '.join(sorted(shape.members))})")
        converted[name] = to_api(shape.members[name], item, names, f"{path}.{key}")
    if {"Quantity", "Items"} <= shape.members.keys():
        converted["Quantity"] = len(converted.get("Items", []))
    return converted


def _list(shape: ListShape, value: Any, names: Names, path: str) -> list[Any]:
    element = shape.member
    if isinstance(value, dict) and isinstance(element, StructureShape):
        for key in ("Key", "Name"):
            if {key, "Value"} <= element.members.keys() and (key == "Key" or len(element.members) == 2):
                value = [{key: name, "Value": item} for name, item in value.items()]
                break
    if not isinstance(value, list):
        value = [value]
    check_limits(shape, value, path)
    return [to_api(element, item, names, f"{path}[{index}]") for index, item in enumerate(value)]


def _map(shape: MapShape, value: dict[str, Any], names: Names, path: str) -> dict[str, Any]:
    check_limits(shape, value, path)
    for key in value:
        check_limits(shape.key, key, f"{path}.{key}")
    return {key: to_api(shape.value, item, names, f"{path}.{key}") for key, item in value.items()}


def _scalar(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(value, (dict, list)) and not isinstance(shape, StringShape):
        raise Rejected(f"{path}: a {shape.type_name} is expected, not {json.dumps(value)[:80]}")
    try:
        match shape.type_name:
            case "boolean":
                return _boolean(value)
            case "integer" | "long":
                check_limits(shape, int(value), path)
                return int(value)
            case "float" | "double":
                return float(value)
            case "blob":
                return value.encode() if isinstance(value, str) else value
    except ValueError:
        raise Rejected(f"{path}: {value!r} is not of type {shape.type_name}") from None
    text = value if isinstance(value, str) else json.dumps(value)
    check_limits(shape, text, path)
    return text


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError


def from_api(observed: Any, declared: Any, names: Names) -> Any:
    """What the API answered, in the form of the `declared` property: the declared value itself when they agree.

    Only what was declared is compared: a default that AWS adds is not drift.
    """
    match declared:
        case dict() if isinstance(observed, list) and all(isinstance(item, dict) for item in observed):
            return _from_blocks(observed, declared, names)
        case dict() if isinstance(observed, dict):
            return _from_structure(observed, declared, names)
        case list():
            return _from_list(observed, declared, names)
        case _:
            return _from_scalar(observed, declared)


def plainly(observed: Any, names: Names) -> Any:
    """What the API answered, with nothing declared to go by: as properties; `names` are properties by API member."""
    match observed:
        case dict():
            return {names.get(key, key[:1].lower() + key[1:]): plainly(value, names) for key, value in observed.items()}
        case list() | tuple():
            return [plainly(item, names) for item in observed]
        case bool() | int() | float() | None:
            return observed
        case bytes():
            return observed.decode(errors="replace")
        case _:
            return str(observed)


def _from_scalar(observed: Any, declared: Any) -> Any:
    # A blob; in properties it is text.
    observed = observed.decode(errors="replace") if isinstance(observed, bytes) else observed
    text = str(observed)
    if text == str(declared) or (isinstance(declared, str) and _same_json(observed, declared)):
        return declared
    if text.lower() in ("true", "false"):
        same = text.lower() == str(declared).lower()
        return declared if same else _boolean(text.lower())
    if isinstance(declared, str) and isinstance(observed, (dict, list)):
        return json.dumps(observed)
    return _number(text) if isinstance(declared, (int, float)) and isinstance(observed, str) else observed


def tags_from_api(observed: Any) -> dict[str, str]:
    """Tags, from any of the forms in which AWS answers them: a map, or a list of pairs."""
    tags = observed if isinstance(observed, dict) else dict(map(_pair, observed))
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def _pair(item: dict[str, str]) -> tuple[str, str]:
    lowered = {key.lower().removeprefix("tag"): value for key, value in item.items()}
    return lowered.get("key", lowered.get("name", "")), lowered.get("value", "")


def _from_blocks(observed: list[dict[str, Any]], declared: dict[str, Any], names: Names) -> dict[str, Any]:
    """A declared block that the API answers as a list: of pairs, or with that block as its one element."""
    if observed and not {"key", "name", "tagkey"} & {key.lower() for key in observed[0]}:
        return _from_structure(observed[0], declared, names)
    return tags_from_api(observed)


def _from_structure(observed: dict[str, Any], declared: dict[str, Any], names: Names) -> dict[str, Any]:
    lowered = {key.lower(): value for key, value in observed.items()}
    result = {}
    for key, value in declared.items():
        found = lowered.get(names.get(key, key).lower())
        result[key] = value if found is None or value is None else from_api(found, value, names)
    return result


def _from_list(observed: Any, declared: list[Any], names: Names) -> list[Any]:
    """The declared list when each of its items has its like in the answer, in any order; else what the answer has."""
    if isinstance(observed, dict):
        observed = observed.get("Items", []) if "Quantity" in observed else [observed]
    left = list(observed) if isinstance(observed, (list, tuple)) else [observed]
    if len(left) != len(declared):
        return left
    result: list[Any] = []
    for wanted in declared:
        like = next((seen for seen in left if from_api(seen, wanted, names) == wanted), None)
        if like is not None:
            left.remove(like)
        result.append(None if like is None else wanted)
    return [
        from_api(left.pop(0), want, names) if got is None else got for got, want in zip(result, declared, strict=True)
    ]


def _number(text: str) -> int | float | str:
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


def _same_json(observed: Any, declared: str) -> bool:
    if not declared.lstrip().startswith(("{", "[")):
        return False
    try:
        seen = json.loads(observed) if isinstance(observed, str) else observed
        return bool(seen == json.loads(declared))
    except json.JSONDecodeError:
        return False
