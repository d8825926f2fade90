"""Turns pydantic's findings into sentences: the dotted key, the value, what is allowed, the file it came from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from infra.errors import StackError


class SettingsError(StackError):
    """Every error of a stack file at once; the message is for the person who edits it."""

    def __init__(self, file: str, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} error{'s' if len(self.problems) != 1 else ''}"
        super().__init__(f"{file} has {count}:\n" + "\n".join(f"  {problem}" for problem in self.problems))


def problems(section: str, model: type[BaseModel], error: ValidationError) -> list[str]:
    """One sentence per finding, such as `wealist.network.nat: 'tripple' — allowed: 'none', 'single' or 'per_zone'`."""
    return [_sentence(section, model, finding) for finding in error.errors(include_url=False)]


def _sentence(section: str, model: type[BaseModel], finding: Mapping[str, Any]) -> str:
    location = [str(part) for part in finding["loc"] if part != "[key]"]
    key = ".".join((section, *location))
    match finding["type"]:
        case "missing":
            return f"{key}: missing; add it (see docs/config.md)"
        case "extra_forbidden":
            return f"{key}: unknown key{_known(model, location)}"
        case "value_error":
            return f"{key}: {_shown(finding['input'])}: {finding['ctx']['error']}"
        case "literal_error":
            return f"{key}: {finding['input']!r} — allowed: {finding['ctx']['expected']}"
        case "string_pattern_mismatch":
            return f"{key}: {_shown(finding['input'])} — allowed: text of the form {finding['ctx']['pattern']}"
        case _:
            return f"{key}: {_shown(finding['input'])} — allowed: {finding['msg'].removeprefix('Input should be ')}"


def _shown(value: Any) -> str:
    if "PRIVATE KEY" in str(value):
        return "a private key, which is not repeated here and belongs in no stack file"
    return "these values" if isinstance(value, dict | BaseModel) else repr(value)


def _known(model: type[BaseModel], location: list[str]) -> str:
    current: Any = model
    for part in location[:-1]:
        field = current.model_fields.get(part) if hasattr(current, "model_fields") else None
        current = field.annotation if field else None
    if not hasattr(current, "model_fields"):
        return ""
    names = sorted(current.model_fields)
    close = difflib.get_close_matches(location[-1], names, n=1)
    return (f"; did you mean '{close[0]}'?" if close else "") + f" — allowed: {', '.join(names)}"
