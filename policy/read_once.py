"""The policy SDK reads a resource anew for every policy, whatever its type: here each is read once, for those that it concerns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial, partialmethod
from typing import Any

from pulumi_policy import StackValidationArgs
from pulumi_policy import policy as sdk


@contextmanager
def resources_read_once() -> Iterator[None]:
    """While the block runs, whatever the SDK reads of the same message is the same value: nobody may change it."""
    used, servicer = vars(sdk), sdk._PolicyAnalyzerServicer
    usual = {
        name: used[name]
        for name in ("json_format", "deserialize_properties", "unknown_checking_proxy", "StackValidationArgs")
    }
    readers = {
        name: getattr(servicer, name)
        for name in ("_get_resource_options", "_get_provider_resource", "Analyze", "AnalyzeStack")
    }
    used["json_format"] = _Json(usual["json_format"])
    for name in ("deserialize_properties", "unknown_checking_proxy"):
        used[name] = _Once(usual[name])
    for name in ("_get_resource_options", "_get_provider_resource"):
        # They are methods that use nothing of their object.
        setattr(servicer, name, staticmethod(_Once(partial(readers[name], None))))
    used["StackValidationArgs"] = _args_of_all
    for name, instead in {"Analyze": _analyze, "AnalyzeStack": _analyze_stack}.items():
        setattr(servicer, name, partialmethod(instead, readers[name]))
    try:
        yield
    finally:
        used.update(usual)
        for name, read in readers.items():
            setattr(servicer, name, read)


class _Once:
    """Calls a function once for each object, by its identity."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        # The objects are kept too: only as long as one is, its identity is nobody else's.
        self._known: dict[tuple[int, tuple[Any, ...]], tuple[Any, Any]] = {}

    def __call__(self, given: Any, *more: Any) -> Any:
        key = id(given), more
        if key not in self._known:
            self._known[key] = given, self._function(given, *more)
        return self._known[key][1]


_POLICIES = "_PolicyAnalyzerServicer__policies"


def _analyze(servicer: Any, usual: Callable[..., Any], request: Any, context: Any) -> Any:
    """By the policies that have something to say of the resource's type."""
    concerned = copy(servicer)
    types = ((policy, getattr(policy, "types", None)) for policy in getattr(servicer, _POLICIES))
    setattr(concerned, _POLICIES, [policy for policy, known in types if known is None or request.type in known])
    return usual(concerned, request, context)


_shown = threading.local()


class _StackOnce:
    """A request whose resources are there for the first policy that reads them; `_args_of_all` gives them to the others."""

    def __init__(self, request: Any) -> None:
        self._left = request.resources

    @property
    def resources(self) -> Any:
        left, self._left = self._left, ()
        return left


def _analyze_stack(servicer: Any, usual: Callable[..., Any], request: Any, context: Any) -> Any:
    _shown.resources = []
    try:
        return usual(servicer, _StackOnce(request), context)
    finally:
        _shown.resources = []


def _args_of_all(resources: list[Any], *more: Any) -> StackValidationArgs:
    _shown.resources = resources or _shown.resources
    return StackValidationArgs(_shown.resources, *more)


class _Json:
    """The one function of protobuf's `json_format` that the SDK calls."""

    def __init__(self, module: Any) -> None:
        self.MessageToDict = _Once(module.MessageToDict)
