"""A run in this process that fails says so once, in its own words."""

from __future__ import annotations

import asyncio
import gc

import pytest

from rehearsal.inprocess import _abandon


def test_an_answer_that_nobody_waits_for_any_more_is_dropped_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    answer = loop.create_future()
    answer.set_exception(ValueError("refused"))
    _abandon(loop)
    del answer
    gc.collect()
    assert caplog.text == ""
