"""Pulumi property values on the wire, as plain Python values.

The engine and the SDK exchange property maps as protobuf structs in which secrets, unknowns and assets are dicts with a
reserved signature key. Here they become `Secret`, `UNKNOWN` and plain values, and back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

Props = dict[str, Any]

_SIGNATURE = rpc._special_sig_key
_SECRET = rpc._special_secret_sig
_OUTPUT = rpc._special_output_value_sig


@dataclass(frozen=True)
class Secret:
    """A value the program marked as secret; its text never shows in a `repr`."""

    value: Any = field(repr=False)


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"

    def __reduce__(self) -> str:
        """Pickled by its name: there is only one."""
        return "UNKNOWN"


UNKNOWN = _Unknown()
"""A value that is only known after the update: seen in previews on the engine."""


def decode(struct: struct_pb2.Struct) -> Props:
    """The property map of a request, numbers as int where they are whole."""
    return {key: _decode(value) for key, value in json_format.MessageToDict(struct).items()}


def _decode(value: Any) -> Any:
    match value:
        case dict() if value.get(_SIGNATURE) == _SECRET:
            return Secret(_decode(value["value"]))
        case dict() if value.get(_SIGNATURE) == _OUTPUT:
            known = _decode(value["value"]) if "value" in value else UNKNOWN
            return Secret(known) if value.get("secret") else known
        case dict():
            return {key: _decode(item) for key, item in value.items()}
        case list():
            return [_decode(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case rpc.UNKNOWN:
            return UNKNOWN
        case _:
            return value


def encode(props: Props) -> struct_pb2.Struct:
    """The wire form of a property map; the inverse of `decode`."""
    return json_format.ParseDict({key: _encode(value) for key, value in props.items()}, struct_pb2.Struct())


def _encode(value: Any) -> Any:
    match value:
        case Secret():
            return {_SIGNATURE: _SECRET, "value": _encode(value.value)}
        case _Unknown():
            return rpc.UNKNOWN
        case dict():
            return {key: _encode(item) for key, item in value.items()}
        case list() | tuple():
            return [_encode(item) for item in value]
        case _:
            return value


def reveal(value: Any) -> Any:
    """The value with every `Secret` opened, for the provider that has to send it."""
    match value:
        case Secret():
            return reveal(value.value)
        case dict():
            return {key: reveal(item) for key, item in value.items()}
        case list():
            return [reveal(item) for item in value]
        case _:
            return value


def contains(value: Any, found: Callable[[Any], bool]) -> bool:
    """Whether `found` holds for the value or for anything inside it."""
    if found(value):
        return True
    match value:
        case Secret():
            return contains(value.value, found)
        case dict():
            return any(contains(item, found) for item in value.values())
        case list():
            return any(contains(item, found) for item in value)
        case _:
            return False


def has_secret(value: Any) -> bool:
    return contains(value, lambda item: isinstance(item, Secret))


def has_unknown(value: Any) -> bool:
    return contains(value, lambda item: item is UNKNOWN)


def mark_secrets(outputs: Props, inputs: Props, always: frozenset[str]) -> Props:
    """The outputs with `Secret` on those whose input of that name has one, and on the `always` ones."""
    secret = always | {key for key, value in inputs.items() if has_secret(value)}
    return {key: Secret(value) if _needs_mark(key in secret, value) else value for key, value in outputs.items()}


def _needs_mark(secret: bool, value: Any) -> bool:
    return secret and value is not None and not has_secret(value)
