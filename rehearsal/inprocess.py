"""Runs a Pulumi program in this process, without an engine: the embedded cloud answers, and everything is recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pulumi import runtime
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockEngine, MockSettings
from pulumi.runtime.stack import run_in_stack

from rehearsal.cloud import Cloud
from rehearsal.monitor import RecordingMonitor
from rehearsal.pulumi_types import import_types_one_by_one
from rehearsal.recording import Recording
from rehearsal.sdk import quick_sdk
from rehearsal.stack_file import StackFile


class ProgramFailed(Exception):
    """The program did not run to its end; the message has one line per cause."""


def run(program: Callable[[], None], stack: StackFile, cloud: Cloud, recording: Recording | None = None) -> Recording:
    """Run `program` as the stack; `ProgramFailed` when the cloud or the SDK refuses something.

    A `recording` handed in can be watched while the program runs.
    """
    import_types_one_by_one()
    recording = recording if recording is not None else Recording()
    monitor = RecordingMonitor(cloud, recording)
    logger = logging.Logger("pulumi")
    settings.configure(
        MockSettings(  # type: ignore[no-untyped-call]
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(None).supportedFeatures),  # type: ignore[no-untyped-call]
            engine=MockEngine(logger),
            project=stack.project,
            stack=stack.stack,
            root_directory=str(stack.path.parent),
            dry_run=False,
            organization="organization",
            callbacks=None,
            # What it does not set stays as the run before left it, waiting for a loop that is closed.
            outputs=set(),
        )
    )
    settings.set_root_resource(None)  # type: ignore[arg-type]
    runtime.set_all_config(stack.config, sorted(stack.secret_keys))
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_AtOnce(max_workers=1))
    asyncio.set_event_loop(loop)
    try:
        with quick_sdk():
            loop.run_until_complete(run_in_stack(program))
    except Exception as error:
        if recording.failures:
            raise ProgramFailed("\n".join(recording.failures)) from error
        raise
    finally:
        _abandon(loop)
        runtime.set_all_config({}, [])
        settings.set_root_resource(None)  # type: ignore[arg-type]
    return recording


class _AtOnce(ThreadPoolExecutor):
    """Answers the SDK's requests in the loop's own thread: in threads, every run would register in another order."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        answer: Future[Any] = Future()
        try:
            answer.set_result(fn(*args, **kwargs))
        except BaseException as error:
            answer.set_exception(error)
        return answer


def _abandon(loop: asyncio.AbstractEventLoop) -> None:
    """Close the loop; after a failure, registrations that still wait for the failed one are dropped without a word."""
    # Nor is what nobody will ask them for told when they are collected: what failed is in the recording.
    loop.set_exception_handler(lambda _loop, _context: None)
    waiting = asyncio.all_tasks(loop)
    for task in waiting:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
