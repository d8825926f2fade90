"""docs/config.md, written from the models: `python -m infra.settings.document > docs/config.md`."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from infra.settings.load import SECRETS, SYSTEMS
from infra.settings.model import Platform

UNIONS = (UnionType, typing.Union)
"""What `X | None` is, of classes and of annotated types."""

_HEAD = """# Configuration

<!-- Written by `make docs`; edit the models in infra/settings/ instead. -->

What a stack file (`Pulumi.<stack>.yaml`) may say. A key that is not here is an error, and all errors of a file come out at once.
Besides these, `aws:region` says where the stack lives.
"""

_TAIL = """
## Secrets

Set with `pulumi config set --secret <key>`; the rehearsal stands in for those that it cannot decrypt or that are missing.
Every other secret (database passwords, Redis token, JWT secret) is generated and never leaves AWS.
"""


def render() -> str:
    """The whole page."""
    sections: list[tuple[str, type[BaseModel]]] = [("platform", Platform), *SYSTEMS.items()]
    tables = [line for key, model in sections for line in _section(key, model)]
    secrets = [f"- `{key}`" for key in SECRETS]
    return "\n".join([_HEAD, *tables, _TAIL, *secrets]) + "\n"


def _section(key: str, model: type[BaseModel], note: str = "") -> Iterator[str]:
    yield f"## `{key}`\n"
    yield f"{(model.__doc__ or '').strip()} {note}".strip() + "\n"
    yield "| key | allowed | default | what for |"
    yield "|---|---|---|---|"
    nested = []
    for name, field in model.model_fields.items():
        if inner := _model(field.annotation):
            nested.append((f"{key}.{name}", inner, field.default is None))
        else:
            yield f"| `{name}` | {_allowed(field)} | {_default(field)} | {field.description or ''} |"
    yield ""
    for inner_key, inner, optional in nested:
        yield from _section(inner_key, inner, "Without this section there are none." if optional else "")


def _model(annotation: Any) -> type[BaseModel] | None:
    """The section that a key is, be it one that may be left out."""
    wanted = typing.get_args(annotation) if typing.get_origin(annotation) in UNIONS else (annotation,)
    return next((one for one in wanted if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _allowed(field: FieldInfo) -> str:
    shown = _type(field.annotation)
    rules = list(_rules(field))
    bounds = {type(rule).__name__: rule for rule in rules}
    if "Ge" in bounds and "Le" in bounds:
        return f"{bounds['Ge'].ge} to {bounds['Le'].le}"
    pattern = next((rule.pattern for rule in rules if getattr(rule, "pattern", None)), None)
    return f"`{pattern}`".replace("|", "\\|") if pattern else shown


def _rules(field: FieldInfo) -> Iterator[Any]:
    """What a value must be, also that of a key that may be left out."""
    yield from field.metadata
    for one in typing.get_args(field.annotation) if typing.get_origin(field.annotation) in UNIONS else ():
        yield from (rule for inner in getattr(one, "__metadata__", ()) for rule in getattr(inner, "metadata", ()))


def _type(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "mapping"
    if arguments:
        return " or ".join(_type(one) for one in arguments if one is not type(None))
    return {str: "text", bool: "`true`, `false`", int: "number"}.get(annotation, "text")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**required**"
    match field.default:
        case bool():
            return f"`{str(field.default).lower()}`"
        case None | {}:
            return ""
        case value:
            return f"`{value}`"


if __name__ == "__main__":
    print(render(), end="")
