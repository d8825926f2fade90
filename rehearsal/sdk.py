"""Habits of the SDK that are made for a remote engine and cost a run in this process most of its time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pulumi import log
from pulumi.runtime import resource, stack
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.settings import SETTINGS, _get_rpc_manager

from rehearsal.garbage import collecting_rarely


@contextmanager
def quick_sdk() -> Iterator[None]:
    """While the block runs, nobody's stack trace is taken, and outstanding work is waited for in one go."""
    traced, waited, debug = resource._get_stack_trace, stack.wait_for_rpcs, log.debug
    # Each resource's trace is taken twice, and the sources of all the files in it are kept.
    resource._get_stack_trace = source_pb2.StackTrace
    stack.wait_for_rpcs = _wait_for_rpcs
    # What it says of each resource's every step is for the engine's log; there is none here.
    log.debug = _say_nothing
    try:
        with collecting_rarely():
            yield
    finally:
        resource._get_stack_trace, stack.wait_for_rpcs, log.debug = traced, waited, debug


def _say_nothing(*_: Any, **__: Any) -> None:
    """`pulumi.log.debug`, to nobody."""


async def _wait_for_rpcs(await_all_outstanding_tasks: Any = True) -> None:
    """`pulumi.runtime.stack.wait_for_rpcs`, which looks at all that is outstanding whenever one thing is done: n² for n outputs."""
    manager = _get_rpc_manager()
    while manager.rpcs or (await_all_outstanding_tasks and SETTINGS.outputs):
        while manager.rpcs:
            await asyncio.sleep(0)
            await manager.rpcs.pop()
        if manager.unhandled_exception is not None:
            raise manager.unhandled_exception
        if not await_all_outstanding_tasks:
            continue
        with SETTINGS.lock:
            outputs = list(SETTINGS.outputs)
            SETTINGS.outputs.clear()
        if outputs:
            done, _ = await asyncio.wait(outputs, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                await task
