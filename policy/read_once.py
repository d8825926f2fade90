"""The policy SDK reads a resource's properties anew for every policy: here they are read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pulumi_policy import policy as sdk


@contextmanager
def properties_read_once() -> Iterator[None]:
    """While the block runs, whatever the SDK reads of the same message is the same value: nobody may change it."""
    used = vars(sdk)
    usual = {name: used[name] for name in ("json_format", "deserialize_properties", "unknown_checking_proxy")}
    used["json_format"] = _Json(usual["json_format"])
    for name in ("deserialize_properties", "unknown_checking_proxy"):
        used[name] = _Once(usual[name])
    try:
        yield
    finally:
        used.update(usual)


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
