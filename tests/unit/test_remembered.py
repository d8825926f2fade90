"""What rules remember of a resource or a stack is of that one, and goes with it."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from policy.cost.uses import UnknownCost
from policy.remembered import once_per_resource, once_per_stack
from policy.rules.model import Resource, Stack

ONE = Resource(urn="urn:one", type="t", name="one", parent="", protect=False, props={"size": "1Gi"})


def test_a_resource_is_asked_once_and_its_equal_anew() -> None:
    asked: list[str] = []

    @once_per_resource
    def size(resource: Resource) -> str:
        asked.append(resource.name)
        return str(resource.props["size"])

    other = replace(ONE, props={"size": "2Gi"})
    assert [size(ONE), size(ONE), size(other), size(replace(ONE))] == ["1Gi", "1Gi", "2Gi", "1Gi"]
    assert asked == ["one"] * 3


def test_who_comes_in_the_place_of_one_that_is_gone_is_asked_for_itself() -> None:
    @once_per_resource
    def size(resource: Resource) -> str:
        return str(resource.props["size"])

    # In CPython the next of its kind gets the memory, and with it the identity, of the one that is gone.
    assert [size(replace(ONE, props={"size": f"{n}Gi"})) for n in range(50)] == [f"{n}Gi" for n in range(50)]


def test_a_stack_is_asked_once_and_not_kept() -> None:
    asked: list[int] = []

    @once_per_stack
    def count(stack: Stack) -> int:
        asked.append(1)
        return len(list(stack))

    stack = Stack([ONE])
    assert [count(stack), count(stack), count(Stack([]))] == [1, 1, 0]
    assert len(asked) == 2
    before = len([one for one in gc.get_objects() if type(one) is Stack])
    del stack
    assert len([one for one in gc.get_objects() if type(one) is Stack]) == before - 1


def test_what_cannot_be_said_is_asked_each_time() -> None:
    asked: list[str] = []

    @once_per_resource
    def size(resource: Resource) -> str:
        asked.append(resource.name)
        raise UnknownCost("unknown")

    for _ in range(2):
        with pytest.raises(UnknownCost):
            size(ONE)
    assert asked == ["one", "one"]
