"""The policy SDK reads a resource anew for every policy, whatever its type: here each is read once, for those that it concerns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial, partialmethod
from typing import Any

from pulumi.runtime.proto.analyzer_pb2 import AnalyzeResponse, PolicyNotApplicable, RemediateResponse
from pulumi_policy import Policy, ResourceValidationPolicy, StackValidationArgs
from pulumi_policy import policy as sdk

from policy.unknown import watched


@contextmanager
def resources_read_once() -> Iterator[None]:
    """While the block runs, whatever the SDK reads of the same message is the same value: nobody may change it."""
    used, servicer = vars(sdk), sdk._PolicyAnalyzerServicer
    usual = {
        name: used[name]
        for name in ("json_format", "deserialize_properties", "unknown_checking_proxy", "StackValidationArgs")
    }
    answers = {"Analyze": _analyze, "AnalyzeStack": _analyze_stack, "Remediate": _remediate}
    readers = {name: getattr(servicer, name) for name in ("_get_resource_options", "_get_provider_resource", *answers)}
    used["json_format"] = _Json(usual["json_format"])
    used["deserialize_properties"] = _Once(usual["deserialize_properties"])
    used["unknown_checking_proxy"] = _Once(watched)
    for name in ("_get_resource_options", "_get_provider_resource"):
        # They are methods that use nothing of their object.
        setattr(servicer, name, staticmethod(_Once(partial(readers[name], None))))
    used["StackValidationArgs"] = _args_of_all
    for name, instead in answers.items():
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
    """By the policies that have something to say of the resource's type.

    Of the others the engine is told that they are not about it: it would tell of each resource the names of all that it passed.
    """
    concerned = copy(servicer)
    policies, others = _of_type(servicer, request.type)
    setattr(concerned, _POLICIES, policies)
    response = usual(concerned, request, context)
    response.MergeFrom(others)
    return response


def _of_type(servicer: Any, type_: str) -> tuple[list[Policy], AnalyzeResponse]:
    known: dict[str, tuple[list[Policy], AnalyzeResponse]] = vars(servicer).setdefault("_of_type", {})
    if type_ not in known:
        policies = [(one, getattr(one, "types", None)) for one in getattr(servicer, _POLICIES)]
        others = [one for one, types in policies if types is not None and type_ not in types]
        known[type_] = (
            [one for one, types in policies if types is None or type_ in types],
            AnalyzeResponse(not_applicable=_not_applicable(others, "it is about other types")),
        )
    return known[type_]


def _remediate(servicer: Any, usual: Callable[..., Any], request: Any, context: Any) -> Any:
    """Where no policy changes what it is shown, it need not be read."""
    if "_changes_nothing" not in vars(servicer):
        servicer._changes_nothing = _changes_nothing(getattr(servicer, _POLICIES))
    return servicer._changes_nothing or usual(servicer, request, context)


def _changes_nothing(policies: Iterable[Policy]) -> RemediateResponse | None:
    """The answer where no policy does, None where one may."""
    of_resources = [one for one in policies if isinstance(one, ResourceValidationPolicy)]
    if any(one.has_remediation() for one in of_resources):
        return None
    return RemediateResponse(not_applicable=_not_applicable(of_resources, "it changes nothing"))


def _not_applicable(policies: Iterable[Policy], why: str) -> list[PolicyNotApplicable]:
    return [PolicyNotApplicable(policy_name=one.name, reason=why) for one in policies]


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
