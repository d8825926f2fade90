"""Real programs as children: they log to a file, and end with the tests, also when those crash."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

KEEPS_ITS_GARBAGE = {"GOGC": "off", "GOMEMLIMIT": "2GiB"}
"""For a program in Go that is over before it is worth the time to collect any."""

PATIENCE = 90.0
"""Seconds; a program that is ready in a few may share the machine with compilers."""


def wait_until(ready: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Poll until `ready`; else an error that says what was waited for."""
    ends = time.monotonic() + patience
    while not ready():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what}: not after {patience:.0f} s")
        time.sleep(0.01)


class Program:
    """A running program and its log."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        # The kernel ends the program when the tests are killed, which no clean-up of their own survives.
        tether = [found, "--pdeathsig", "KILL", "--"] if (found := shutil.which("setpriv")) else []
        self.log, self._name = log, Path(command[0]).name
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [*tether, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**_bare_environment(), **(environment or {})},
            )

    def wait(self, ready: Callable[[], bool]) -> None:
        """Until it is ready; when it ends before, an error with the end of its log."""

        def alive_and_ready() -> bool:
            if (status := self._process.poll()) is not None:
                raise RuntimeError(f"{self._name} ended with {status}:\n{self.text()[-3000:]}")
            return ready()

        wait_until(alive_and_ready, f"{self._name} to be ready; its log ends in\n{self.text()[-3000:]}")

    def read_again(self) -> None:
        """SIGHUP: what that means is the program's own."""
        self._process.send_signal(signal.SIGHUP)

    def cpu_seconds(self) -> float:
        """How long it has had a processor so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """At once, as a crash ends it."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def _bare_environment() -> dict[str, str]:
    """Without what a developer's machine may set for such programs, such as a KUBECONFIG or a proxy."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
