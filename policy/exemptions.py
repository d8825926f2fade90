"""Exemptions: findings that may stay for a while, as data (`policy/exemptions.yaml`)."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from policy.tiers import tier_of

FILE = Path(__file__).parent / "exemptions.yaml"

_RESOURCE = r"^[a-z0-9][a-z0-9-]*/[A-Za-z0-9_.*-]*[A-Za-z0-9_.-]{3,}[A-Za-z0-9_.*-]*$"
ANY = "any"
"""Whatever stack it is."""
_NAMED = (
    "<tier, stack or any>/<logical name>, in which * stands for any text, but not for the stack nor for the whole name"
)
_ALLOWED = {
    "rule": "the name of a rule (docs/policies.md lists them)",
    "resources": f"a list of {_NAMED}",
    "reason": "a sentence: why it may stay as it is, and until what",
    "expires": "a date, such as 2027-06-30",
}


class ExemptionsError(Exception):
    """Every error of the file at once; the message is for the person who edits it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(problems)} error{'s' if len(problems) != 1 else ''}"
        super().__init__(
            f"policy/exemptions.yaml has {count}:\n" + "\n".join(f"  {problem}" for problem in self.problems)
        )


class _Entry(BaseModel):
    """An entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    resources: Annotated[tuple[Annotated[str, Field(pattern=_RESOURCE)], ...], Field(min_length=1)]
    reason: Annotated[str, Field(min_length=20)]
    expires: date


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """Lets what one rule finds in one resource, or in those of a pattern, pass until the end of a day."""

    rule: str
    resource: str
    reason: str
    expires: date

    @property
    def stack(self) -> str:
        """Which stacks it is for: those of a tier, the one of that name, or `any`."""
        return self.resource.split("/")[0]

    def covers(self, rule: str, urn: str) -> bool:
        """Whether a finding of that rule in that resource is meant."""
        if rule != self.rule:
            return False
        stack, _, name = qualified(urn).partition("/")
        return self.is_for(stack) and fnmatchcase(name, self.resource.partition("/")[2])

    def is_for(self, stack: str) -> bool:
        """Whether a stack of that name is meant."""
        return self.stack in (ANY, stack) or self.stack == tier_of(stack)

    def is_about(self, system: str) -> bool:
        """Whether it may be for resources of a system, by what their logical names begin with."""
        return fnmatchcase(system, self.resource.partition("/")[2].partition("-")[0])

    def is_over(self, today: date) -> bool:
        return today > self.expires


def qualified(urn: str) -> str:
    """A resource's name with its stack's in front: `prod/wealist-database-instance`."""
    stack, *_, name = urn.removeprefix("urn:pulumi:").split("::")
    return f"{stack}/{name}"


def load_exemptions(rules: Collection[str], path: Path = FILE) -> tuple[Exemption, ...]:
    """The exemptions of the file; `ExemptionsError` says all that is wrong with it."""
    try:
        entries = yaml.safe_load(path.read_text()) or []
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ExemptionsError([f"{where}this is no YAML: {getattr(error, 'problem', None) or error}"]) from None
    if not isinstance(entries, list):
        raise ExemptionsError([f"it holds {type(entries).__name__} where a list of exemptions is allowed"])
    exemptions: list[Exemption] = []
    problems: list[str] = []
    for place, entry in enumerate(entries, 1):
        try:
            read = _Entry.model_validate(entry)
        except ValidationError as error:
            problems.extend(f"{_place(place, entry)}: {problem}" for problem in _problems(error))
            continue
        problems.extend(f"{_place(place, entry)}: {problem}" for problem in _unknown(read.rule, rules))
        exemptions.extend(
            Exemption(rule=read.rule, resource=resource, reason=read.reason, expires=read.expires)
            for resource in read.resources
        )
    problems.extend(_repeated(exemptions))
    if problems:
        raise ExemptionsError(problems)
    return tuple(exemptions)


def _place(place: int, entry: Any) -> str:
    rule = entry.get("rule") if isinstance(entry, dict) else None
    return f"entry {place}" + (f" ({rule})" if rule else "")


def _problems(error: ValidationError) -> Iterator[str]:
    findings = error.errors(include_url=False)
    for finding in findings:
        key, *inner = map(str, finding["loc"] or ("",))
        match finding["type"]:
            case "missing":
                yield f"'{key}' is missing; it is {_ALLOWED[key]}"
            case "extra_forbidden":
                yield f"'{key}' is no key of an exemption; the keys are {', '.join(_ALLOWED)}"
            case "too_short" if len(findings) > 1:
                # It is too short for want of the items that are named.
                continue
            case _ if key in _ALLOWED:
                yield f"{key}: {finding['input']!r} is not {_NAMED if inner else _ALLOWED[key]}"
            case _:
                yield f"{finding['input']!r} is no exemption; one has the keys {', '.join(_ALLOWED)}"


def _unknown(rule: str, rules: Collection[str]) -> Iterator[str]:
    if rule not in rules:
        close = difflib.get_close_matches(rule, rules, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else ""
        yield f"rule: there is no rule '{rule}'{meant} docs/policies.md lists them"


def _repeated(exemptions: list[Exemption]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for one in exemptions:
        if (one.rule, one.resource) in seen:
            yield f"{one.rule}, {one.resource}: stands there twice; keep one"
        seen.add((one.rule, one.resource))
