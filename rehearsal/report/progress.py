"""Shows how far a run is: a live line on a terminal, a plain one every few seconds in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from rehearsal.recording import Recording

_LIVE_EVERY = 0.1
_PLAIN_EVERY = 5.0


def nothing_yet() -> str:
    """For what has no steps to count."""
    return ""


def how_far(known: int, done: int, last: str) -> str:
    """`93 of 165 resources stand, wealist-api-alb`: of those that the run knows of so far."""
    return f"{done} of {known} resources stand{', ' if last else ''}{last}" if known else ""


def how_far_recorded(recording: Recording) -> str:
    """How far the run is that is being recorded."""
    custom = [resource for resource in recording if resource.custom]
    done = [resource for resource in custom if resource.id or resource.rendered]
    return how_far(len(custom), len(done), done[-1].name if done else "")


@contextmanager
def shown(console: Console, doing: str, ask: Callable[[], str]) -> Iterator[None]:
    """Show what `ask` answers until the block ends."""
    done = threading.Event()
    show = _live if console.is_terminal else _plain
    thread = threading.Thread(target=show, args=(console, doing, ask, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _live(console: Console, doing: str, ask: Callable[[], str], done: threading.Event) -> None:
    with console.status(doing) as status:
        while not done.wait(_LIVE_EVERY):
            status.update(_line(doing, ask()))


def _plain(console: Console, doing: str, ask: Callable[[], str], done: threading.Event) -> None:
    console.print(f"{doing} …", markup=False, highlight=False)
    started = time.monotonic()
    while not done.wait(_PLAIN_EVERY):
        console.print(f"{_line(doing, ask())} ({time.monotonic() - started:.0f} s)", markup=False, highlight=False)


def _line(doing: str, said: str) -> str:
    return f"{doing}: {said}" if said else doing
