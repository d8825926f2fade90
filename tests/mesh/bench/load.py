"""Load on a gateway, by fortio: the generator of Istio's own benchmarks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tools import required_tool

Headers = Sequence[tuple[str, str]]


class NotServed(Exception):
    """Something else than 200 came back: the figures would say nothing of serving."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """How the gateway is loaded: for so long, over so many kept connections; without a `rate`, as fast as it answers."""

    seconds: float
    connections: int
    rate: float = 0


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What one load gave; the latencies are in milliseconds."""

    requests: int
    per_second: float
    p50: float
    p99: float


def shoot(listener: tuple[str, int], target: str, headers: Headers, load: Load) -> Shot:
    """Load the gateway with one request, again and again."""
    address, port = listener
    # Evenly over the time, and without a burst after a pause of the machine.
    paced = ["-qps", str(load.rate), "-uniform", "-nocatchup"]
    many = ["-c", str(load.connections), "-t", f"{load.seconds}s", "-timeout", "5s"]
    said = ["-quiet", "-log-errors=false", "-allow-initial-errors", "-json", "-", "-p", "50,99", "-r", "0.00002"]
    sent = [word for name, value in headers for word in ("-H", f"{name}: {value}")]
    where = f"http://{address}:{port}{target}"
    command: list[str | Path] = [required_tool("fortio"), "load", *many, *paced, *said, *sent, where]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    if done.returncode:
        raise RuntimeError(f"fortio ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return _read(json.loads(done.stdout))


def _read(result: dict[str, Any]) -> Shot:
    codes: dict[str, int] = result["RetCodes"]
    if set(codes) != {"200"}:
        counts = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())) or "nothing"
        raise NotServed(f"{result['URL']} answered {counts}")
    times = {one["Percentile"]: one["Value"] * 1000 for one in result["DurationHistogram"]["Percentiles"]}
    return Shot(requests=codes["200"], per_second=result["ActualQPS"], p50=times[50], p99=times[99])
