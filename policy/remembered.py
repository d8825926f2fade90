"""What rules ask again and again of the same resource, or of the same stack, worked out once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary, ref

from policy.rules.model import Resource, Stack

_T = TypeVar("_T")


def once_per_stack(function: Callable[[Stack], _T]) -> Callable[[Stack], _T]:
    """What `function` says of a stack, asked once for as long as there is that stack; what it raises, it raises each time."""
    known: WeakKeyDictionary[Stack, _T] = WeakKeyDictionary()

    @wraps(function)
    def asked(stack: Stack) -> _T:
        if stack not in known:
            known[stack] = function(stack)
        return known[stack]

    return asked


def once_per_resource(function: Callable[[Resource], _T]) -> Callable[[Resource], _T]:
    """The same of a resource, which is in as many stacks as it has neighbours that change. It is known by its identity:
    to compare two would take as long as to ask."""
    known: dict[int, tuple[ref[Resource], _T]] = {}

    @wraps(function)
    def asked(resource: Resource) -> _T:
        key = id(resource)
        if key not in known:
            value = function(resource)
            # Its identity is another's once it is gone.
            known[key] = ref(resource, lambda _: known.pop(key, None)), value
        return known[key][1]

    return asked
