"""Controllers that act on what a real API server holds: Kubernetes' own, and Argo Rollouts'."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.mesh.processes import KEEPS_ITS_GARBAGE, Program
from tests.mesh.servers import get
from tests.ports import free_port
from tests.tools import required_tool


def controller_manager(folder: Path, stack: ExitStack, config: Path, controller: str) -> Program:
    """kube-controller-manager with one of its controllers, until the stack's end; `config` says as whom."""
    return beside(
        folder,
        stack,
        "kube-controller-manager",
        [
            f"--kubeconfig={config}", "--leader-elect=false", f"--controllers={controller}",
            "--use-service-account-credentials=false", f"--secure-port={free_port()}", "--bind-address=127.0.0.1",
            f"--cert-dir={folder / 'manager'}",
        ],
    )  # fmt: skip


def rollouts_controller(folder: Path, stack: ExitStack, config: Path, flags: Sequence[str] = ()) -> Program:
    """Argo Rollouts' controller, until the stack's end; it may take a while until its health is told."""
    health = free_port()
    told = [f"--kubeconfig={config}", f"--healthzPort={health}", f"--metricsPort={free_port()}", *flags]
    return beside(folder, stack, "rollouts-controller", told, health=f"http://127.0.0.1:{health}/healthz")


def beside(
    folder: Path, stack: ExitStack, tool: str, flags: Sequence[str | Path], health: str | None = None
) -> Program:
    """A program of `tools/go_tools.py` that runs until the stack's end; with `health`, it is waited for until that answers."""
    program = Program([required_tool(tool), *flags], folder / f"{tool}.log", environment=KEEPS_ITS_GARBAGE)
    stack.callback(program.stop)
    if health is not None:
        program.wait(lambda: get(health) is not None)
    return program


@contextmanager
def always(
    act: Callable[[], None], wrong: list[Exception], *, every: float, passing: type[Exception]
) -> Iterator[None]:
    """Beside the tests, after each so many seconds, until the end of the block or until something is `wrong`.

    What is `passing` is a server that is slow for a moment: it is asked again, and the tests' own patience ends.
    """
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every):
            try:
                act()
            except passing:
                continue
            except Exception as error:
                wrong.append(error)
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
