"""Property paths, as Pulumi writes them, and values with one place changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.mutation.model import GONE

EVERY: Final = "[*]"
MORE: Final = "[+]"

_STEP = re.compile(r'\.?(?P<name>[^.\[\]"]+)|\["(?P<quoted>[^"]*)"\]|\[(?P<index>\d+)\]|(?P<sign>\[[*+]\])')

Steps = tuple[str | int, ...]


class BadPath(ValueError):
    """It is no property path."""


def parse(path: str) -> Steps:
    """`a.b[0]["c.d"][*]` as its steps."""
    steps: list[str | int] = []
    place = 0
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None:
            raise BadPath(f"'{path}' is no property path from '{path[place:]}' on")
        if found["index"] is not None:
            steps.append(int(found["index"]))
        else:
            steps.append(found["sign"] or (found["quoted"] if found["quoted"] is not None else found["name"]))
        place = found.end()
    return tuple(steps)


def places(value: Any, steps: Steps) -> Iterator[Steps]:
    """Every place that the path means in the value; one that is missing counts, below what is there."""
    if not steps:
        yield ()
        return
    value = _opened(value)
    head, rest = steps[0], steps[1:]
    if head == EVERY:
        keys: list[Any] = list(range(len(value))) if isinstance(value, list) else list(value or ())
        for key in keys:
            for tail in places(value[key], rest):
                yield (key, *tail)
    elif head == MORE or isinstance(head, int):
        if isinstance(value, list) and (head == MORE or int(head) < len(value)):
            for tail in places(None if head == MORE else value[int(head)], rest):
                yield (head, *tail)
    elif value is None or isinstance(value, Mapping):
        for tail in places(None if value is None else value.get(head), rest):
            yield (head, *tail)


def read(value: Any, place: Steps) -> Any:
    """What stands at a place; `GONE` for nothing."""
    for step in place:
        value = _opened(value)
        if isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
            continue
        if not isinstance(value, Mapping) or step not in value:
            return GONE
        value = value[step]
    return value


def replaced(value: Any, place: Steps, bad: Any) -> Any:
    """The value with another one at the place; nothing that the two share is changed. JSON text stays JSON text."""
    if not place:
        return bad
    if isinstance(value, str):
        return json.dumps(replaced(json.loads(value), place, bad))
    head, rest = place[0], place[1:]
    if isinstance(value, list):
        return _in_list(value, head, rest, bad)
    mapping = dict(value or {})
    if bad is GONE and not rest:
        mapping.pop(head, None)
    else:
        mapping[head] = replaced(mapping.get(head), rest, bad)
    return mapping


def _in_list(value: list[Any], head: str | int, rest: Steps, bad: Any) -> list[Any]:
    if head == MORE:
        return [*value, replaced(None, rest, bad)]
    index = int(head)
    middle = [] if bad is GONE and not rest else [replaced(value[index], rest, bad)]
    return [*value[:index], *middle, *value[index + 1 :]]


def _opened(value: Any) -> Any:
    """What JSON text stands for."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def written(place: Steps) -> str:
    """A place as a property path."""
    text = ""
    for step in place:
        if isinstance(step, int) or step in {EVERY, MORE}:
            text += str(step) if step in {EVERY, MORE} else f"[{step}]"
        elif re.fullmatch(r"[^.\[\]\"/]+", step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text
