"""Keeps a rehearsed cloud running on loopback, so that other tools can look at it, and ends one that is running."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from rehearsal.guard import Guard, calling_nobody, new_access_key
from rehearsal.workspace import Served, Workspace

LOOPBACK = "127.0.0.1"
USUAL_PORT = 5566

_ENDS_WITHIN = 300.0


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a served cloud is, and the access key ID that it answers."""

    url: str
    access_key: str


@contextmanager
def serving(port: int = USUAL_PORT) -> Iterator[Address]:
    """moto's server over this process's cloud, guarded. Any free port is taken when the wanted one is not free."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    behind = DomainDispatcherApplication(create_backend_app)
    wanted = port if _is_free(port) else 0
    server = make_server(LOOPBACK, wanted, behind, threaded=True, request_handler=MotoRequestHandler)
    address, access_key = f"{LOOPBACK}:{server.port}", new_access_key()
    server.app = Guard(behind, address=address, access_key=access_key)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    with calling_nobody():
        thread.start()
        try:
            yield Address(url=f"http://{address}", access_key=access_key)
        finally:
            server.shutdown()
            thread.join()


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


def looking_at(address: Address, region: str, stack: str) -> list[str]:
    """The lines with which a person looks at a served cloud. A session token of theirs must not go there with this run's key."""
    aws = f"aws --endpoint-url {address.url} --region {region}"
    return [
        "unset AWS_PROFILE AWS_SESSION_TOKEN",
        f"export AWS_ACCESS_KEY_ID={address.access_key} AWS_SECRET_ACCESS_KEY=rehearsal",
        f"{aws} ec2 describe-vpcs --filters Name=is-default,Values=false",
        f"{aws} elbv2 describe-load-balancers",
        f"{aws} rds describe-db-instances",
        f"{aws} ssm describe-parameters",
        "",
        "The key is this run's: the cloud refuses every other, web pages and moto's own control, and it calls nobody.",
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
