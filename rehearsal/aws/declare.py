"""The vocabulary in which an embedded AWS type is declared: which API call creates, reads, changes and deletes it.

Parameters and outputs are JMESPath expressions over one context:
    inputs   the Pulumi inputs            id       the resource's id
    answer   what the create call said    seen     what the read call's `result` selected
    tags     the tags as [{Key, Value}]   removed  the tag keys an update takes away
    was      the inputs before an update  found    what the step before said, while deleting
    token    unique to this create        account, region
A parameter whose expression gives null is left out. `$name` is a value of the context where JMESPath cannot reach it:
inside a filter, and in `result`, which is searched in the call's answer: `Routes[?GatewayId==$inputs.gatewayId]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rehearsal.values import Props

_INPUT = re.compile(r"\b(?:inputs|was)\.(\w+)")


@dataclass(frozen=True)
class Call:
    """One API call, made when `when` holds.

    `by_name` says which inputs go to the parameter of the same name: all of them, or just those listed.
    """

    operation: str
    params: Mapping[str, str] = field(default_factory=dict)
    by_name: bool | tuple[str, ...] = False
    result: str = "@"
    service: str | None = None
    when: str | None = None

    def mentions(self) -> frozenset[str]:
        """The inputs that its parameters are made of, or its condition."""
        named = self.by_name if isinstance(self.by_name, tuple) else ()
        expressions = (*self.params.values(), self.when or "")
        return frozenset(named).union(*(_INPUT.findall(expression) for expression in expressions))

    def inputs_of(self, parameter: str) -> list[str]:
        """The inputs that one of its parameters is made of."""
        return sorted(set(_INPUT.findall(self.params[parameter])))

    def is_made_of_inputs(self) -> bool:
        return any(_INPUT.search(expression) for expression in self.params.values())

    def uses(self, name: str) -> bool:
        """Whether a parameter or the condition is made of this part of the context."""
        return any(re.search(rf"\b{name}\b", expression) for expression in (*self.params.values(), self.when or ""))


def create(operation: str, /, *, result: str = "@", **params: str) -> Call:
    """A call that takes every input by name, and these parameters besides."""
    return Call(operation, params, by_name=True, result=result)


def call(
    operation: str, /, *, result: str = "@", when: str | None = None, service: str | None = None, **params: str
) -> Call:
    """A call that takes just these parameters; `service` is its boto3 client, if it is another one's."""
    return Call(operation, params, result=result, when=when, service=service)


@dataclass(frozen=True, kw_only=True)
class AwsType:
    """One resource type: a row of its service's table, alike in shape to others as AWS's APIs are.

    taken:     a call that finds something when the name is in use already, where moto would not refuse a second one.
    refuse:    message → a call that finds something (or fails) when AWS would refuse the resource with that message.
    also:      further reads; `seen` has each one's result under its name.
    settle:    calls made after create, each when one of the inputs it mentions is there, and again when one changes.
    update:    calls that change the resource in place, each when an input that it takes changed (one that takes none
               goes with the others); inputs that create takes and neither these nor `settle` force a replacement.
    fixed:     inputs that only a replacement changes, although `update` mentions them.
    protected: when it holds, a delete is refused, for protections that moto does not know.
    clear:     calls before the delete call, such as emptying a bucket.
    names:     Pulumi property → API member, where they differ in more than case; holds at any depth.
    observe:   Pulumi property → where `seen` shows it, when that is not under the property's own name.
    unsent:    inputs that concern the provider and not the API (`forceDestroy`), with no call to take them.
    kept:      why moto cannot hold it: then the embedded cloud keeps it itself, still checked against the API's shapes.
    check:     raises `Rejected` for what AWS refuses and moto does not; is given the inputs, some perhaps `UNKNOWN`.
    """

    create: Call
    id: str
    taken: Call | None = None
    refuse: Mapping[str, Call] = field(default_factory=dict)
    read: Call | None = None
    also: Mapping[str, Call] = field(default_factory=dict)
    delete: Call | None = None
    settle: tuple[Call, ...] = ()
    update: tuple[Call, ...] = ()
    fixed: frozenset[str] = frozenset()
    protected: str | None = None
    clear: tuple[Call, ...] = ()
    retag: Call | None = None
    untag: Call | None = None
    tags: Call | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    observe: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    unsent: frozenset[str] = frozenset()
    kept: str | None = None
    check: Callable[[Props], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """One function, such as `aws:ec2/getVpc:getVpc`: the call that answers it and what of the answer is returned.

    Without a call it is answered from the arguments and the account; `must` names the results that cannot be empty.
    """

    call: Call | None = None
    must: tuple[str, ...] = ()
    result: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AwsService:
    """One boto3 client's types and functions, by their Pulumi tokens.

    `retag`, `untag` and `tags` (the tags there are now, where no read call says) serve every type without its own.
    """

    client: str
    types: Mapping[str, AwsType]
    functions: Mapping[str, Lookup] = field(default_factory=dict)
    retag: Call | None = None
    untag: Call | None = None
    tags: Call | None = None
