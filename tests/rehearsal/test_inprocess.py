"""A run in this process that fails says so once, in its own words."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pulumi
import pulumi_random as random
import pytest

from rehearsal.cloud import Cloud
from rehearsal.inprocess import ProgramFailed, _abandon, run
from rehearsal.provider import Rejected, State
from rehearsal.random import RandomProvider
from rehearsal.stack_file import StackFile
from rehearsal.values import Props


def test_an_answer_that_nobody_waits_for_any_more_is_dropped_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    answer = loop.create_future()
    answer.set_exception(ValueError("refused"))
    _abandon(loop)
    del answer
    gc.collect(1)  # what was made just now; all that the other tests have made takes a second
    assert caplog.text == ""


class Refusing(RandomProvider):
    """Does not make what it is asked for second."""

    def create(self, urn: str, token: str, inputs: Props) -> State:
        if urn.endswith("::second"):
            raise Rejected("no more")
        return super().create(urn, token, inputs)


def program() -> None:
    first = random.RandomPassword("first", length=8)
    random.RandomPassword("second", length=8)
    random.RandomPassword("third", length=8, keepers={"first": first.id})
    pulumi.export("first", first.id)


def test_a_run_does_not_wait_for_what_a_failed_one_left() -> None:
    stack = StackFile(
        project="shop", stack="test", path=Path("Pulumi.test.yaml"), config={}, secret_keys=frozenset(), stood_in=()
    )
    with pytest.raises(ProgramFailed, match="no more"):
        run(program, stack, Cloud({"random": Refusing()}))
    assert len(run(program, stack, Cloud({"random": RandomProvider()}))) == 3
