"""Keeps a rehearsed cloud running on loopback, so that other tools can look at it, and ends one that is running."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rehearsal.workspace import Served, Workspace

LOOPBACK = "127.0.0.1"
USUAL_PORT = 5566

_ENDS_WITHIN = 300.0


@contextmanager
def serving(port: int = USUAL_PORT) -> Iterator[str]:
    """A moto server over this process's cloud; its URL. Any free port is taken when the wanted one is not free."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=port if _is_free(port) else 0, verbose=False)
    server.start()
    try:
        host, bound = server.get_host_and_port()
        yield f"http://{host}:{bound}"
    finally:
        server.stop()


@contextmanager
def heeding_the_end() -> Iterator[Callable[[], str]]:
    """Within the block, Ctrl-C and SIGTERM end nothing by themselves; what it gives waits for one of them and says which."""
    ended: list[str] = []

    def end(number: int, frame: FrameType | None) -> None:
        ended.append(signal.Signals(number).name)

    def wait() -> str:
        while not ended:
            time.sleep(0.2)
        return ended[0]

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_serving(workspace: Workspace) -> Served | None:
    """End the process that serves the stack's cloud and wait until it is gone; `None` when there is none.

    The process is ours for certain: its lock is taken, and a lock goes with its process.
    """
    served = workspace.served()
    if served is None or not workspace.is_taken():
        return None
    os.kill(served.pid, signal.SIGTERM)
    deadline = time.monotonic() + _ENDS_WITHIN
    while workspace.is_taken():
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {served.pid} has not ended within {_ENDS_WITHIN:.0f} s")
        time.sleep(0.2)
    return served


def looking_at(url: str, region: str, stack: str) -> list[str]:
    """The lines with which a person looks at a served cloud."""
    aws = f"aws --endpoint-url {url} --region {region}"
    return [
        "export AWS_ACCESS_KEY_ID=rehearsal AWS_SECRET_ACCESS_KEY=rehearsal",
        f"{aws} ec2 describe-vpcs --filters Name=is-default,Values=false",
        f"{aws} elbv2 describe-load-balancers",
        f"{aws} rds describe-db-instances",
        f"{aws} ssm describe-parameters",
        "",
        f"It runs until Ctrl-C, or `make down STACK={stack}` elsewhere.",
    ]


def looking_later(stack: str) -> list[str]:
    """What to do to be able to look."""
    return [f"`make up STACK={stack} SERVE=1` keeps this cloud running on {LOOPBACK}, for the AWS CLI and other tools."]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
