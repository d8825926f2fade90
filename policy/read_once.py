"""The policy SDK reads a resource anew for every policy: here each is read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pulumi_policy import policy as sdk


@contextmanager
def resources_read_once() -> Iterator[None]:
    """While the block runs, whatever the SDK reads of the same message is the same value: nobody may change it."""
    used, servicer = vars(sdk), sdk._PolicyAnalyzerServicer
    usual = {name: used[name] for name in ("json_format", "deserialize_properties", "unknown_checking_proxy")}
    readers = {name: getattr(servicer, name) for name in ("_get_resource_options", "_get_provider_resource")}
    used["json_format"] = _Json(usual["json_format"])
    for name in ("deserialize_properties", "unknown_checking_proxy"):
        used[name] = _Once(usual[name])
    for name, read in readers.items():
        # They are methods that use nothing of their object.
        setattr(servicer, name, staticmethod(_Once(partial(read, None))))
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


class _Json:
    """The one function of protobuf's `json_format` that the SDK calls."""

    def __init__(self, module: Any) -> None:
        self.MessageToDict = _Once(module.MessageToDict)
