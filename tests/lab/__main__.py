"""`make lab`: brings the gateway up on loopback, and walks through the document's checkpoints. `--all` runs them without asking."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.lab.standing import PODS, Lab, standing
from tests.lab.steps import BOXES, STEPS, Step

HELP = """Enter: run the checkpoint    b SERVICE: let one of its pods hang up    h: all well again
t: a fresh token             q: the end"""


class Ended(Exception):
    """The person has had enough."""


def main() -> int:
    """0 when every step that was run showed what the document wants."""
    parser = argparse.ArgumentParser(prog="make lab", description=__doc__)
    parser.add_argument("--all", action="store_true", help="run every checkpoint, one after the other, and end")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(
        "bringing up Istio's control plane, Envoy, the rate-limit service, Redis, Varnish, twelve pods, Prometheus …",
        flush=True,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="lab-") as folder:
            made = Path(folder)
            for part in ("behind", "edge"):
                (made / part).mkdir()
            with standing(made) as lab:
                return _walk(lab, asks=not arguments.all)
    except (KeyboardInterrupt, EOFError, Ended):
        print("\nended; nothing is left running")
        return 0


def _walk(lab: Lab, *, asks: bool) -> int:
    _greet(lab)
    failed = [step.box for step in STEPS if not _step(lab, step, asks=asks)]
    _elsewhere()
    print(
        f"\n{len(STEPS) - len(failed)} of {len(STEPS)} checkpoints shown" + "".join(f"\n  not: {box}" for box in failed)
    )
    return 1 if failed else 0


def _greet(lab: Lab) -> None:
    print(f"\n  URL={lab.url}    (Host: lab.eco2.example.com)\n  PROMETHEUS={lab.prometheus or '(not installed)'}")
    print(f"  TOKEN={lab.token('user')}\n  API_KEY={lab.api_key}\n")
    print(f"Users: user / user-password, admin / admin-password\n{HELP}", flush=True)


def _step(lab: Lab, step: Step, *, asks: bool) -> bool:
    print(f"\n── {step.box}\n   {step.curl}\n   expected: {step.expected}", flush=True)
    if asks:
        _ask(lab)
    try:
        good, said = step.do(lab)
    except TimeoutError as error:
        lab.heal()
        good, said = False, str(error)
    print(f"   {'✓' if good else '✗'} {said}", flush=True)
    return good


def _ask(lab: Lab) -> None:
    """Until the person goes on."""
    for line in _lines():
        word, _, rest = line.partition(" ")
        if word == "q":
            raise Ended
        if word == "b":
            print(
                f"   {', '.join(lab.break_service(rest)) or 'one of ' + ', '.join(sorted({one[:-2] for one in PODS}))} hangs up"
            )
        elif word == "h":
            lab.heal()
            print("   all well again")
        elif word == "t":
            print(f"   TOKEN={lab.token()}")
        else:
            return


def _lines() -> Iterator[str]:
    while True:
        yield input("   > ").strip()


def _elsewhere() -> None:
    """The boxes that no gateway on a laptop shows: docs/systems/gateway_lab.md says what stands for each."""
    shown = {step.box for step in STEPS}
    print("\nNot shown here (docs/systems/gateway_lab.md): " + ", ".join(box for box in BOXES if box not in shown))


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # The rig's event loops are threads that nobody waits for.
    os._exit(status)
